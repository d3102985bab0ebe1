"""What a module takes: in which type, and in a sentence why it takes nothing of the kind."""

from __future__ import annotations

import inspect
import itertools

import torch
from torch import Tensor, nn

from nogd.engine.modules.copies import private_copy
from nogd.engine.several import Inputs, Key, Several, arguments, called, parts_of, shapes_of, types_of
from nogd.errors import DataError, in_one_line

# Of so many inputs of whole numbers each may have a type of its own; of more, all have one.
MOST_WHOLE = 4


def in_type_taken(module: nn.Module, inputs: Inputs, dtype: torch.dtype) -> Inputs:
    """Whole numbers and booleans `[N, ...]` as they are where the module takes them, such as what an embedding looks
    up, else as numbers of `dtype`; floating-point inputs as they are. Of several each has a type of its own.

    Raises DataError where the module takes neither.
    """
    whole = [key for key, part in parts_of(inputs).items() if not part.is_floating_point()]
    refusals: list[Exception] = []
    for count in range(len(whole) + 1) if len(whole) <= MOST_WHOLE else (0, len(whole)):
        for chosen in itertools.combinations(whole, count):
            tried = _as_numbers(inputs, chosen, dtype)
            refused = _refusal(module, tried) if whole else None
            if refused is None:
                return tried
            refusals.append(refused)
    as_it_is, as_numbers = refusals[0], refusals[-1]
    raise DataError(
        _other_arguments(module, inputs, as_numbers)
        or f"the module cannot process inputs of shape {shapes_of(inputs)}, neither as {types_of(inputs)}"
        f" ({in_one_line(as_it_is)}) nor as {dtype} ({in_one_line(as_numbers)})."
    ) from as_it_is


def _as_numbers(inputs: Inputs, chosen: tuple[Key, ...], dtype: torch.dtype) -> Inputs:
    if isinstance(inputs, Tensor):
        return inputs.to(dtype) if chosen else inputs
    return Several({key: part.to(dtype) if key in chosen else part for key, part in inputs.parts.items()})


def not_processed(module: nn.Module, inputs: Inputs, error: Exception) -> DataError:
    """That the module cannot process these inputs, and why."""
    return DataError(
        _other_arguments(module, inputs, error)
        or f"the module cannot process inputs of shape {shapes_of(inputs)} and type {types_of(inputs)}:"
        f" {in_one_line(error)}."
    )


@torch.no_grad()
def _refusal(module: nn.Module, inputs: Inputs) -> Exception | None:
    """What the module raises when it is given the inputs; a copy is tried, as a call that fails may leave traces."""
    trial = private_copy(module).eval()
    try:
        with torch.random.fork_rng(devices=[]):
            called(trial, inputs.clone())
    except Exception as error:  # whatever a forward may raise
        return error
    return None


def _other_arguments(module: nn.Module, inputs: Inputs, error: Exception) -> str | None:
    """A sentence where the forward takes other arguments than it is given; None where it takes these."""
    try:
        signature = inspect.signature(module.forward)
    except (TypeError, ValueError):  # it has none
        return None
    by_place, by_name = arguments(inputs)
    try:
        signature.bind(*by_place, **by_name)
    except TypeError:
        pass
    else:
        return None
    required = [each for each in signature.parameters.values() if each.default is each.empty]
    required = [each for each in required if each.kind not in _ANY_NUMBER]
    names = ", ".join(each.name for each in required or signature.parameters.values())
    cure = "give several inputs as a tuple by place or as a dict by name"
    return (
        f"the module's forward takes {names or 'nothing'}, but it is given {_what(inputs)};"
        f" {cure if names else 'wrap it in a module whose forward takes them'} ({in_one_line(error)})."
    )


def _what(inputs: Inputs) -> str:
    if isinstance(inputs, Tensor):
        return "one tensor"
    names = [str(key) for key in inputs.parts]
    tree = inputs.tree
    return f"a tuple of {len(tree)}" if isinstance(tree, tuple) else f"a dict of {', '.join(names)}"


_ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
