"""Private copies of the user's modules to work on."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from nogd.engine.modules.conduct import observing
from nogd.engine.several import Inputs, called
from nogd.errors import InvalidSetting, in_one_line


def private_copy(module: nn.Module) -> nn.Module:
    """A copy to work on, so that the user's module changes only when the solution is written to it."""
    # Tensors that were computed, such as those of torch.nn.utils.weight_norm, refuse to be copied with their history.
    attributes = (value for part in module.modules() for value in vars(part).values())
    computed = [value for value in attributes if isinstance(value, Tensor) and not value.is_leaf]
    try:
        with torch.no_grad():  # the parameters of a scripted copy would be computed from the original's
            made = copy.deepcopy(module, {id(tensor): tensor.detach().clone() for tensor in computed})
    except Exception as error:  # whatever the module's parts raise
        raise InvalidSetting(
            f"the module cannot be copied to work on ({in_one_line(error)}); give what cannot be copied a"
            " __deepcopy__, or keep it elsewhere."
        ) from error
    for own, parameter in zip(made.parameters(), module.parameters(), strict=True):
        own.requires_grad_(parameter.requires_grad)
    return made


def check_independent(working: nn.Module, module: nn.Module, inputs: Inputs) -> None:
    """Refuse a module whose copy still uses the original's parameters: a function that was put on it, as its forward
    or as a hook, refers to the module itself, so that all candidates would be scored with the same weights.
    """
    if not any(_functions_of(part) for part in module.modules()):
        return
    with observing(working, inputs.device), torch.enable_grad():
        outputs = called(working, inputs.clone())
    theirs = [p for p in module.parameters() if p.requires_grad]
    if isinstance(outputs, Tensor) and outputs.requires_grad:
        reached = torch.autograd.grad(outputs.sum(), theirs, allow_unused=True)
        if any(gradient is not None for gradient in reached):
            raise InvalidSetting(
                "a forward or a hook that was put on the module holds on to the module itself, so that no copy of it"
                " can be made to work on; write it as a method of a subclass instead."
            )


def _functions_of(part: nn.Module) -> bool:
    return "forward" in vars(part) or bool(part._forward_hooks) or bool(part._forward_pre_hooks)
