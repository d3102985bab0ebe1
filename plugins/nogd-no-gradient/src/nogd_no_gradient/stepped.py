"""Networks of few-valued weights, spikes and hard choices, on data of a second."""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Generator, Tensor, nn

from nogd import Dataset, SupervisedTask
from nogd.engine.space import Bounds
from nogd_no_gradient.layers import FewValuedLinear, HardLookup, SpikingRows

SIDE, DIGITS = 8, 10
MEASUREMENTS, GROWERS = 13, 3
ITEMS, KEY, VALUE, RECORDS = 4, 2, 3, 900

Width = Annotated[int, Field(ge=1, le=1 << 14, description="hidden units")]


class _Stepped(SupervisedTask):
    """A network through which no gradient passes, unless a surrogate is asked for."""

    loss: ClassVar[str] = "cross-entropy"
    metric: ClassVar[str] = "accuracy"
    bounds: ClassVar[Bounds] = (-2.0, 2.0)
    standardise: ClassVar[tuple[str, ...]] = ()
    differentiable: ClassVar[bool] = False
    default: ClassVar[bool] = False
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "no-gradient"})
    surrogate: bool = Field(
        False, description="whether its steps have the gradient of a smooth function in their place"
    )

    @property
    def has_gradient(self) -> bool:
        return self.surrogate


class _FewValued(_Stepped):
    """Wines by weights that are all rounded; the box ends where rounding gives nothing new."""

    dataset: ClassVar[str] = "wine"
    standardise: ClassVar[tuple[str, ...]] = ("inputs",)
    bounds: ClassVar[Bounds] = {"*weight": (-1.5, 1.5), "*bias": (-2.0, 2.0)}
    values: ClassVar[int]
    width: Width = 8

    def network(self) -> nn.Module:
        """One hidden layer."""
        first, last = (
            FewValuedLinear(inputs, outputs, values=self.values, surrogate=self.surrogate)
            for inputs, outputs in ((MEASUREMENTS, self.width), (self.width, GROWERS))
        )
        return nn.Sequential(first, nn.ReLU(), last)


class WineTernary(_FewValued):
    """Which of three growers a wine comes from, by weights of -1, 0 and 1."""

    name: ClassVar[str] = "wine-ternary"
    why: ClassVar[str] = "The coarsest weights that can leave an input out."
    values: ClassVar[int] = 3


class Wine4Bit(_FewValued):
    """Which of three growers a wine comes from, by weights of 15 values, as 4 bits hold them with a sign."""

    name: ClassVar[str] = "wine-4bit"
    why: ClassVar[str] = "Weights as small hardware has them: a move below a step of 0.2 may change nothing."
    values: ClassVar[int] = 15


class Wine8Bit(_FewValued):
    """Which of three growers a wine comes from, by weights of 255 values, as 8 bits hold them with a sign."""

    name: ClassVar[str] = "wine-8bit"
    why: ClassVar[str] = (
        "Steps so small that most learners need not notice them; those that take tiny steps do."
    )
    values: ClassVar[int] = 255


class DigitsSpiking(_Stepped):
    """Handwritten digits by recurrent neurons that spike, and see an image row by row."""

    name: ClassVar[str] = "digits-spiking"
    why: ClassVar[str] = "As neuromorphic hardware computes: steps, resets and time."
    dataset: ClassVar[str] = "digits"
    width: Width = 32

    def network(self) -> nn.Module:
        """One layer of neurons, whose rates are read out."""
        neurons = SpikingRows(SIDE, SIDE, self.width, surrogate=self.surrogate)
        return nn.Sequential(neurons, nn.Linear(self.width, DIGITS))


class Records(Dataset):
    """900 questions, each with four records: a key and one of three values; one key is the question's, with noise."""

    name: ClassVar[str] = "records"

    def load(self) -> tuple[dict[str, Tensor], Tensor]:
        """asked `[900, 2]`, keys `[900, 4, 2]` and values `[900, 4, 3]`, one 1 in each; targets int64 `[900]`."""
        rng = Generator().manual_seed(5)
        keys = nn.functional.normalize(torch.randn(RECORDS, ITEMS, KEY, generator=rng), dim=-1)
        kinds = torch.randint(VALUE, (RECORDS, ITEMS), generator=rng)
        wanted, rows = torch.randint(ITEMS, (RECORDS,), generator=rng), torch.arange(RECORDS)
        asked = keys[rows, wanted] + 0.1 * torch.randn(RECORDS, KEY, generator=rng)
        values = nn.functional.one_hot(kinds, VALUE).float()
        return {"asked": asked, "keys": keys, "values": values}, kinds[rows, wanted]


class Reader(nn.Module):
    """What the record that is looked up says, as scores of the three values."""

    def __init__(self, width: int, *, surrogate: bool) -> None:
        super().__init__()
        self.lookup, self.last = HardLookup(KEY, width, surrogate=surrogate), nn.Linear(VALUE, VALUE)

    def forward(self, asked: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """From `[N, 2]`, `[N, 4, 2]` and `[N, 4, 3]` to `[N, 3]`."""
        scores: Tensor = self.last(self.lookup(asked, keys, values))
        return scores


class Lookup(_Stepped):
    """Which value the record has that a question means, by attention that looks at one record alone."""

    name: ClassVar[str] = "lookup"
    why: ClassVar[str] = "Queries and keys matter only through which record wins."
    dataset: ClassVar[type[Dataset]] = Records
    width: Width = 2

    def network(self) -> nn.Module:
        """One head of attention, and a linear layer."""
        return Reader(self.width, surrogate=self.surrogate)
