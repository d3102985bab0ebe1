"""Image tasks for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy

_TAGS = ("classification", "images")


@hookimpl
def nogd_datasets() -> list[Lazy]:
    """Offer this package's data to nogd."""
    return [Lazy("mnist-5k", "nogd_images.digits:Mnist5k", "5,000 handwritten digits, 28 x 28 pixels")]


@hookimpl
def nogd_tasks() -> list[Lazy]:
    """Offer this package's tasks to nogd."""
    return [
        Lazy(
            "mnist-5k",
            "nogd_images.tasks:Relu",
            "ten classes, 784 inputs, 50,890 parameters; it has a gradient",
            tags=_TAGS,
        ),
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
