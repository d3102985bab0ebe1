"""Tasks to choose hyper-parameters on: generated data, none of it in a default task."""

from __future__ import annotations

from typing import ClassVar

import torch
from sklearn import datasets
from torch import Tensor, nn

from nogd import Dataset, SupervisedTask
from nogd.hookspecs import hookimpl

EXAMPLES = 400


def _column(arrays: tuple[object, object]) -> tuple[Tensor, Tensor]:
    inputs, targets = (torch.as_tensor(array).float() for array in arrays)
    return inputs, targets.reshape(-1, 1)


def _classes(arrays: tuple[object, object]) -> tuple[Tensor, Tensor]:
    return torch.as_tensor(arrays[0]).float(), torch.as_tensor(arrays[1]).long()


class Friedman1Data(Dataset):
    """Friedman's first function: 10 inputs, 5 of them of use; targets from 0 to 30."""

    name: ClassVar[str] = "friedman-1"

    def load(self) -> tuple[Tensor, Tensor]:
        return _column(datasets.make_friedman1(EXAMPLES, noise=1.0, random_state=1))


class Friedman2Data(Dataset):
    """Friedman's second function: the impedance of a circuit by 4 of its values."""

    name: ClassVar[str] = "friedman-2"

    def load(self) -> tuple[Tensor, Tensor]:
        return _column(datasets.make_friedman2(EXAMPLES, noise=50.0, random_state=2))


class MoonsData(Dataset):
    """Two interleaved half circles with noise."""

    name: ClassVar[str] = "moons"

    def load(self) -> tuple[Tensor, Tensor]:
        return _column(datasets.make_moons(EXAMPLES, noise=0.25, random_state=3))


class CirclesData(Dataset):
    """A circle within a circle, with noise."""

    name: ClassVar[str] = "circles"

    def load(self) -> tuple[Tensor, Tensor]:
        return _column(datasets.make_circles(EXAMPLES, noise=0.15, factor=0.5, random_state=4))


class ShellsData(Dataset):
    """Four nested shells of a normal distribution in 5 dimensions."""

    name: ClassVar[str] = "shells"

    def load(self) -> tuple[Tensor, Tensor]:
        return _classes(
            datasets.make_gaussian_quantiles(n_samples=EXAMPLES, n_features=5, n_classes=4, random_state=5)
        )


class ClustersData(Dataset):
    """Five classes of two clusters each, 20 inputs, 8 of them of use, 2 % of the labels wrong."""

    name: ClassVar[str] = "clusters"

    def load(self) -> tuple[Tensor, Tensor]:
        return _classes(
            datasets.make_classification(
                2 * EXAMPLES, 20, n_informative=8, n_classes=5, flip_y=0.02, class_sep=1.5, random_state=6
            )
        )


class BlotsData(Dataset):
    """2,400 images of 16 x 16 pixels: 24 smooth templates, three of each of 8 classes, shifted, with noise."""

    name: ClassVar[str] = "blots"
    side: ClassVar[int] = 16
    shift: ClassVar[int] = 4
    noise: ClassVar[float] = 0.1

    def load(self) -> tuple[Tensor, Tensor]:
        rng = torch.Generator().manual_seed(7)
        drawn = torch.randn(24, 1, self.side + self.shift, self.side + self.shift, generator=rng)
        bell = torch.exp(-(torch.arange(-4.0, 5.0) ** 2) / (2 * 2.2**2))
        smooth = nn.functional.conv2d(drawn, bell.outer(bell)[None, None], padding=4)[:, 0]
        templates = (smooth / smooth.std()).sigmoid()
        count = 6 * EXAMPLES
        which = torch.randint(len(templates), (count,), generator=rng)
        corners = torch.randint(self.shift + 1, (count, 2), generator=rng).tolist()
        cut = [
            templates[k, a : a + self.side, b : b + self.side]
            for k, (a, b) in zip(which, corners, strict=True)
        ]
        images = torch.stack(cut).flatten(1)
        return images + self.noise * torch.randn(images.shape, generator=rng), which // 3


class Friedman1Raw(SupervisedTask):
    """Data and parameters as raw as those of the original study."""

    name: ClassVar[str] = "friedman-1-raw"
    why: ClassVar[str] = "A start far from any solution, and targets that are not of unit size."
    dataset: ClassVar[type[Dataset]] = Friedman1Data
    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"
    standardise: ClassVar[tuple[str, ...]] = ()

    def network(self) -> nn.Module:
        network = nn.Sequential(nn.Linear(10, 6), nn.ReLU(), nn.Linear(6, 1))
        for parameter in network.parameters():
            nn.init.uniform_(parameter, -5, 5)
        return network


class Friedman2(SupervisedTask):
    """A smooth function of 4 inputs, standardised."""

    name: ClassVar[str] = "friedman-2"
    why: ClassVar[str] = "Regression with two hidden layers."
    dataset: ClassVar[type[Dataset]] = Friedman2Data
    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"
    standardise: ClassVar[tuple[str, ...]] = ("inputs", "targets")
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))


class _Classes(SupervisedTask):
    """What the classifications have in common."""

    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)


class Moons(_Classes):
    """Which of two half circles a point of the plane belongs to."""

    name: ClassVar[str] = "moons"
    why: ClassVar[str] = "Two smooth hidden layers, classes that overlap."
    dataset: ClassVar[type[Dataset]] = MoonsData
    loss: ClassVar[str] = "binary-cross-entropy"

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 1))


class Circles(_Classes):
    """The inner or the outer circle."""

    name: ClassVar[str] = "circles"
    why: ClassVar[str] = "A small network that has to close a line around a class."
    dataset: ClassVar[type[Dataset]] = CirclesData
    loss: ClassVar[str] = "binary-cross-entropy"

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))


class Shells(_Classes):
    """Which of four shells a point lies in."""

    name: ClassVar[str] = "shells"
    why: ClassVar[str] = "Four classes that no single input tells apart."
    dataset: ClassVar[type[Dataset]] = ShellsData

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(5, 12), nn.ReLU(), nn.Linear(12, 4))


class Clusters(_Classes):
    """Which of five classes of clusters an example belongs to."""

    name: ClassVar[str] = "clusters"
    why: ClassVar[str] = "The widest network here, and more parameters than training examples."
    dataset: ClassVar[type[Dataset]] = ClustersData

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(20, 24), nn.ReLU(), nn.Linear(24, 5))


class Sign(nn.Module):
    """The sign of each number."""

    elementwise = True

    def forward(self, x: Tensor) -> Tensor:
        return torch.sign(x)


class MoonsSign(Moons):
    """The half circles with signs in place of activations."""

    name: ClassVar[str] = "moons-sign"
    why: ClassVar[str] = "Two hidden layers of signs: no gradient."
    differentiable: ClassVar[bool] = False

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 12), Sign(), nn.Linear(12, 12), Sign(), nn.Linear(12, 1))


class ShellsSign(Shells):
    """The shells with signs in place of activations."""

    name: ClassVar[str] = "shells-sign"
    why: ClassVar[str] = "Four classes and one hidden layer of signs: no gradient."
    differentiable: ClassVar[bool] = False

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(5, 24), Sign(), nn.Linear(24, 4))


class Blots(_Classes):
    """Which of 8 classes an image belongs to."""

    name: ClassVar[str] = "blots"
    why: ClassVar[str] = (
        "Many inputs, each of little use by itself, and three times as many parameters as forwards."
    )
    dataset: ClassVar[type[Dataset]] = BlotsData
    standardise: ClassVar[tuple[str, ...]] = ()

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(256, 32), nn.ReLU(), nn.Linear(32, 8))


class BlotsSign(Blots):
    """The images with signs in place of activations."""

    name: ClassVar[str] = "blots-sign"
    why: ClassVar[str] = "Signs of 256 inputs each: no gradient."
    differentiable: ClassVar[bool] = False

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(256, 32), Sign(), nn.Linear(32, 8))


TASKS = (Friedman1Raw, Friedman2, Moons, Circles, Shells, Clusters, MoonsSign, ShellsSign, Blots, BlotsSign)


@hookimpl
def nogd_tasks() -> tuple[type[SupervisedTask], ...]:
    """The tuning tasks, for `nogd run --plugin experiments/tuning/tasks.py -t moons`."""
    return TASKS
