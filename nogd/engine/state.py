"""What a learner carries from step to step, and its form in a file: plain data, never pickled code."""

from __future__ import annotations

import dataclasses
import io
import sys
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Generator, Tensor

from nogd.errors import InvalidSetting, LearnerError

_PLAIN = (type(None), bool, int, float, str, bytes)


@dataclass(kw_only=True)
class State:
    """Base of all states; a subclass is a `@dataclass(kw_only=True)` that adds what its learner needs.

    Fields hold tensors, generators, numbers, strings, other states, and lists, tuples and dicts of these. A generator
    that several of them share, such as a learner and one inside it, is still shared after a checkpoint is loaded.

    :param theta: the current recommendation, `[D]`.
    :param iteration: the learner's natural count.
    :param finished: None, or the reason once there is nothing left to do.
    :param phase: number of the phase, for learners that have several.
    :param room: candidates that still fit the budget, set before each step of an AskTell; at least 1, even if that one
        will be refused.
    """

    kinds: ClassVar[dict[str, type[State]]] = {}

    theta: Tensor
    iteration: int = 0
    finished: str | None = None
    phase: int = 0
    room: int = sys.maxsize

    def __init_subclass__(cls) -> None:
        State.kinds[_kind(cls)] = cls


def _kind(cls: type[State]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


State.kinds[_kind(State)] = State


def has_ended(learner: object, state: State) -> bool:
    """Whether there is nothing left to do. Raises LearnerError where `finished` is neither None nor the reason."""
    if state.finished is None or isinstance(state.finished, str):
        return state.finished is not None
    raise LearnerError(
        f"{learner} set state.finished to {state.finished!r:.60}; it is None until there is nothing left to do, and"
        " then the reason, a string."
    )


def alone(tensor: Tensor) -> Tensor:
    """The tensor, or a copy where it lies within a larger one, which would otherwise be kept for it."""
    whole = tensor.untyped_storage().nbytes() == tensor.numel() * tensor.element_size()
    return tensor if whole else tensor.clone()


def to_bytes(value: Any) -> bytes:
    """A state, or plain containers of states, as bytes. Raises InvalidSetting for a value that no state may hold."""
    buffer = io.BytesIO()
    torch.save(_freeze(value, "state", {}), buffer)
    return buffer.getvalue()


def from_bytes(saved: bytes) -> Any:
    """The inverse of `to_bytes`; runs no code of the file. The learner's module must have been imported."""
    return _thaw(torch.load(io.BytesIO(saved), weights_only=True), {})


# Exact types: a numpy float64 is a float and would be saved, but could not be loaded again without pickled code.
def _freeze(value: Any, where: str, numbers: dict[int, int]) -> Any:
    """numbers: of the generators that were met, by their identity."""
    if isinstance(value, State):
        fields = {
            f.name: _freeze(getattr(value, f.name), f"{where}.{f.name}", numbers)
            for f in dataclasses.fields(value)
        }
        return {"~state": _kind(type(value)), "fields": fields}
    if isinstance(value, Generator):
        number = numbers.setdefault(id(value), len(numbers))
        return {"~generator": str(value.device), "number": number, "bits": value.get_state()}
    if isinstance(value, Tensor):
        return alone(value.detach())
    if type(value) is dict:
        return {_freeze(k, where, numbers): _freeze(v, f"{where}[{k!r}]", numbers) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_freeze(item, f"{where}[{k}]", numbers) for k, item in enumerate(value))
    if type(value) in _PLAIN:
        return value
    raise InvalidSetting(
        f"{where} holds a {type(value).__module__}.{type(value).__qualname__}, which cannot be saved in a checkpoint;"
        " a State holds tensors, generators, numbers, strings, and lists, tuples and dicts of them."
    )


def _thaw(value: Any, generators: dict[int, Generator]) -> Any:
    """generators: those that were read, by their numbers."""
    if type(value) is dict:
        if "~state" in value:
            return _thaw_state(value, generators)
        if "~generator" in value:
            return _thaw_generator(value, generators)
        return {_thaw(k, generators): _thaw(v, generators) for k, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_thaw(item, generators) for item in value)
    return value


def _thaw_generator(saved: dict[str, Any], generators: dict[int, Generator]) -> Generator:
    if saved["number"] not in generators:
        generator = generators[saved["number"]] = Generator(saved["~generator"])
        generator.set_state(saved["bits"])
    return generators[saved["number"]]


def _thaw_state(saved: dict[str, Any], generators: dict[int, Generator]) -> State:
    kind = State.kinds.get(saved["~state"])
    if kind is None:
        raise InvalidSetting(f"the checkpoint holds a {saved['~state']}, which no loaded plugin defines.")
    return kind(**{name: _thaw(value, generators) for name, value in saved["fields"].items()})
