"""Image tasks for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy

_TAGS = ("classification", "images")
_OF_FILES = ("classification", "own-files")  # not "images", which everybody can run
_DATASETS = (
    ("mnist-5k", "digits:Mnist5k", "5,000 handwritten digits, 28 x 28 pixels"),
    ("mnist1d", "mnist1d:Mnist1d", "5,000 generated digits of 40 numbers"),
    ("mnist", "user_files:MnistData", "70,000 handwritten digits, from the folder NOGD_DATA"),
    ("fashion-mnist", "user_files:FashionMnistData", "70,000 pieces of clothing, from the folder NOGD_DATA"),
    ("cifar10", "user_files:Cifar10Data", "60,000 colour images of ten classes, from the folder NOGD_DATA"),
    ("cifar100", "user_files:Cifar100Data", "60,000 colour images of 100 classes, from the folder NOGD_DATA"),
)
_WITH_GRADIENT = (
    ("mnist-5k", "tasks:Relu", "ten classes, 784 inputs, 50,890 parameters; it has a gradient"),
    ("lenet", "image_tasks:LeNet", "LeNet with batch normalisation on 1,000 of the digits"),
    (
        "resnet-small",
        "image_tasks:SmallResNet",
        "a residual network of 19,810 parameters on 1,000 of the digits",
    ),
    ("mnist1d", "image_tasks:OneDimensional", "digits of 40 numbers, 15,210 parameters"),
)
_FROM_FILES = (
    ("mnist", "image_tasks:Mnist", "LeNet on MNIST, from the folder NOGD_DATA"),
    ("fashion-mnist", "image_tasks:FashionMnist", "LeNet on Fashion-MNIST, from the folder NOGD_DATA"),
    ("cifar10", "image_tasks:Cifar10", "a residual network on CIFAR-10, from the folder NOGD_DATA"),
    ("cifar100", "image_tasks:Cifar100", "a residual network on CIFAR-100, from the folder NOGD_DATA"),
)


@hookimpl
def nogd_datasets() -> list[Lazy]:
    """Offer this package's data to nogd."""
    return [Lazy(name, f"nogd_images.{at}", summary) for name, at, summary in _DATASETS]


@hookimpl
def nogd_tasks() -> list[Lazy]:
    """Offer this package's tasks to nogd."""
    return [
        *(Lazy(name, f"nogd_images.{at}", summary, tags=_TAGS) for name, at, summary in _WITH_GRADIENT),
        *(Lazy(name, f"nogd_images.{at}", summary, tags=_OF_FILES) for name, at, summary in _FROM_FILES),
        *(
            Lazy(f"mnist-5k-{name}", f"nogd_images.tasks:{target}", summary, tags=(*_TAGS, "no-gradient"))
            for name, target, summary in (
                ("sign", "Sign", "hidden units that give -1 or 1"),
                ("staircase", "Staircase", "hidden units that give one of five values"),
                ("int8", "Int8", "hidden weights rounded to 8 bits"),
                ("attention", "Attention", "patches that each look at one other patch alone"),
                ("mixture", "Mixture", "four experts, of which one is asked"),
                ("spiking", "Spiking", "leaky neurons that spike and are reset"),
            )
        ),
    ]
