"""The next byte of a text."""

from __future__ import annotations

import functools
from abc import abstractmethod
from typing import Annotated, ClassVar

from pydantic import Field
from torch import Tensor, nn

from nogd import Problem, Split, Task
from nogd.problem.task import drawn_network
from nogd_sequence.bits import BITS
from nogd_sequence.gru import Gru, Linear, RoundedLinear
from nogd_sequence.text import bigram, text, unigram, windows

FEATURES = 12
Width = Annotated[int, Field(ge=1, le=1 << 12, description="units of the memory")]


class _Bytes(Task):
    """What both have in common: parts of a text that follow each other, and what is to be beaten."""

    default: ClassVar[bool] = False
    version: ClassVar[int] = 2
    budget: ClassVar[float] = 300
    bounds: ClassVar[tuple[float, float]] = (-2.0, 2.0)
    width: Width = 32

    @abstractmethod
    def linear(self) -> Linear:
        """What makes the layers of the memory."""

    @abstractmethod
    def guessed(self, train: Tensor, before: Tensor) -> Tensor:
        """Shares of the next byte that are score 0, from windows `[M, 7]` and the bytes `[N]` before it."""

    def network(self) -> nn.Module:
        """An embedding, a GRU, and a linear layer."""
        return Gru(text().kinds, FEATURES, self.width, self.linear())

    def problem(self, seed: int) -> Problem:
        rows = windows()
        train, validation, test = (Split(each[:, :-1].clone(), each[:, -1].clone()) for each in rows)
        guessed = self.guessed(rows[0], rows[2][:, -2]).log().float()
        return Problem(
            module=drawn_network(self.network, seed),
            loss="cross-entropy",
            train=train,
            validation=validation,
            test=test,
            metric=BITS,
            bounds=self.bounds,
            differentiable=self.has_gradient,
            constant=BITS(guessed, test.targets),
            constant_loss=float(nn.functional.cross_entropy(guessed, test.targets)),
        )


class BytesGru(_Bytes):
    """The next byte of Python's documentation after six others, by a GRU of 32 units.

    Score 0 is what pairs of bytes tell (a bigram model with smoothing, of the same 4,000 windows), in bits per byte.
    """

    name: ClassVar[str] = "bytes-gru"
    why: ClassVar[str] = "A language model that is small enough for learners which look at losses alone."
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "sequence"})

    def linear(self) -> Linear:
        return nn.Linear

    def guessed(self, train: Tensor, before: Tensor) -> Tensor:
        return bigram(train, before, text().kinds)


class BytesGruInt8(_Bytes):
    """The next byte of Python's documentation after six others, by a GRU whose weights are rounded to 8 bits.

    Rounded are the weights of the memory, in steps of 1/64; embedding and last layer are not. Score 0 is how often each
    byte is: none of nogd's own learners gets past the bigram without a gradient within the budget.
    """

    name: ClassVar[str] = "bytes-gru-int8"
    why: ClassVar[str] = (
        "A language model as small hardware has it: a move below half a step changes nothing."
    )
    tags: ClassVar[frozenset[str]] = frozenset({"classification", "sequence", "no-gradient"})
    differentiable: ClassVar[bool] = False
    budget: ClassVar[float] = 200
    surrogate: bool = Field(
        False, description="whether its steps have the gradient of a smooth function in their place"
    )

    @property
    def has_gradient(self) -> bool:
        return self.surrogate

    def linear(self) -> Linear:
        return functools.partial(RoundedLinear, surrogate=self.surrogate)

    def guessed(self, train: Tensor, before: Tensor) -> Tensor:
        return unigram(train, text().kinds).expand(len(before), -1)
