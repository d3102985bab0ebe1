"""Whether a module can be worked on, with the reason in a sentence where it cannot."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from nogd.errors import InvalidSetting


def checked_module(module: object) -> nn.Module:
    """The module, if it can be worked on. Raises InvalidSetting with the reason."""
    if not isinstance(module, nn.Module):
        raise InvalidSetting(f"the module must be a torch.nn.Module, not a {type(module).__name__}.")
    if any(is_lazy(tensor) for tensor in (*module.parameters(), *module.buffers())):
        raise InvalidSetting(
            "the module has lazy parameters without a shape; call it once on a row of the inputs first, in eval mode."
        )
    if any(tensor.is_meta for tensor in (*module.parameters(), *module.buffers())):
        raise InvalidSetting(
            "the module is on the device 'meta', where tensors have no values; move it with module.to_empty(device=...)"
            " and initialise it first."
        )
    if torch.is_inference_mode_enabled() or any(p.is_inference() for p in module.parameters()):
        raise InvalidSetting(
            "under torch.inference_mode() there are no gradients, and what was made there cannot be changed elsewhere;"
            " use torch.no_grad()."
        )
    _check_memory(module)
    return module


def _check_memory(module: nn.Module) -> None:
    """Refuse parameters that cannot be set apart: two in the same memory, or one that repeats its own."""
    searched = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    for name, p in searched:
        if type(p).__torch_dispatch__ != Tensor.__torch_dispatch__:
            raise InvalidSetting(
                f"parameter {name!r} is a {type(p).__name__}, whose values cannot be set from outside; make it a plain"
                " nn.Parameter, or freeze it with requires_grad_(False)."
            )
    for name, p in searched:
        if p.numel() * p.element_size() > p.untyped_storage().nbytes():
            raise InvalidSetting(
                f"parameter {name!r} repeats the same memory; give it memory of its own by clone()."
            )
    # A part of a larger tensor, such as a column, lies between others without sharing anything.
    spans = sorted(
        (str(p.device), p.data_ptr(), p.data_ptr() + p.numel() * p.element_size(), name)
        for name, p in searched
        if p.is_contiguous()
    )
    for (device, _, end, one), (other_device, start, _, other) in itertools.pairwise(spans):
        if device == other_device and start < end:
            raise InvalidSetting(
                f"parameters {one!r} and {other!r} share memory; make them one parameter, which stands in both"
                " places, or give each its own by clone()."
            )


def with_copies(
    _: nn.Module, by_place: tuple[Any, ...], by_name: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A hook before a forward that writes into its inputs."""
    copies = {name: _copy(each) for name, each in by_name.items()}
    return tuple(_copy(each) for each in by_place), copies


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value
