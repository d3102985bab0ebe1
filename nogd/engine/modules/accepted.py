"""What a module takes: in which type, and in a sentence why it takes nothing of the kind."""

from __future__ import annotations

import inspect

import torch
from torch import Tensor, nn

from nogd.engine.modules.copies import private_copy
from nogd.errors import DataError, in_one_line


def in_type_taken(module: nn.Module, inputs: Tensor, dtype: torch.dtype) -> Tensor:
    """Whole numbers and booleans `[N, ...]` as they are where the module takes them, such as what an embedding looks
    up, else as numbers of `dtype`; floating-point inputs as they are.

    Raises DataError where the module takes neither.
    """
    if inputs.is_floating_point():
        return inputs
    numbers = inputs.to(dtype)
    as_it_is = _refusal(module, inputs)
    if as_it_is is None:
        return inputs
    as_numbers = _refusal(module, numbers)
    if as_numbers is None:
        return numbers
    raise DataError(
        _several_inputs(module, as_numbers)
        or f"the module cannot process inputs of shape {list(inputs.shape)}, neither as {inputs.dtype}"
        f" ({in_one_line(as_it_is)}) nor as {numbers.dtype} ({in_one_line(as_numbers)})."
    ) from as_it_is


def not_processed(module: nn.Module, inputs: Tensor, error: Exception) -> DataError:
    """That the module cannot process these inputs, and why."""
    return DataError(
        _several_inputs(module, error)
        or f"the module cannot process inputs of shape {list(inputs.shape)} and type {inputs.dtype}:"
        f" {in_one_line(error)}."
    )


@torch.no_grad()
def _refusal(module: nn.Module, inputs: Tensor) -> Exception | None:
    """What the module raises when it is given the inputs; a copy is tried, as a call that fails may leave traces."""
    trial = private_copy(module).eval()
    try:
        with torch.random.fork_rng(devices=[]):
            trial(inputs.clone())
    except Exception as error:  # whatever a forward may raise
        return error
    return None


def _several_inputs(module: nn.Module, error: Exception) -> str | None:
    """A sentence where the forward does not take one input; None where it does."""
    try:
        parameters = list(inspect.signature(module.forward).parameters.values())
    except (TypeError, ValueError):  # it has none
        return None
    required = [each for each in parameters if each.default is each.empty and each.kind not in _ANY_NUMBER]
    by_place = [each for each in parameters if each.kind in _BY_PLACE]
    if by_place and len(required) < 2 and not any(each.kind is each.KEYWORD_ONLY for each in required):
        return None
    names = ", ".join(each.name for each in required or parameters) or "nothing"
    return (
        f"the module's forward takes {names}, but it is given one tensor; wrap it in a module whose forward takes one"
        f" and makes of it what this one needs ({in_one_line(error)})."
    )


_ANY_NUMBER = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_BY_PLACE = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)
