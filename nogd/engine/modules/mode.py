"""How a network is scored: as the function that its user will use, or as gradient descent usually trains it."""

from __future__ import annotations

from types import CodeType
from typing import Literal, cast, get_args

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.utils.parametrizations import _SpectralNorm

from nogd.errors import InvalidSetting

Mode = Literal["eval", "train"]


def checked_mode(mode: object, whose: str = "mode") -> Mode:
    """The mode, if it is one. Raises InvalidSetting. whose: what the message calls it."""
    if mode not in get_args(Mode):
        raise InvalidSetting(
            f'{whose} must be "eval" (the network as its user will use it) or "train" (Dropout and batch statistics as'
            f" in training), not {mode!r:.60}."
        )
    return cast(Mode, mode)


def switched_off(module: nn.Module) -> list[str]:
    """The kinds of parts that are in training mode now and would do something else in eval mode, by their names."""
    found = (part for part in module.modules() if part.training and _differs(part))
    return sorted({type(part).__name__.lstrip("_") for part in found})


def _differs(part: nn.Module) -> bool:
    match part:
        case _DropoutNd():
            return bool(part.p)
        case _NormBase():
            return isinstance(part.running_mean, Tensor)
        case nn.RNNBase():
            return bool(part.dropout) and part.num_layers > 1
        case nn.MultiheadAttention():
            return bool(part.dropout)
        case nn.RReLU() | _SpectralNorm():
            return True
    if type(part).__module__.startswith(
        ("torch.nn.", "torch.jit.")
    ):  # what a script does cannot be read off it
        return False
    code = getattr(type(part).forward, "__code__", None)  # a forward of one's own that looks at self.training
    return isinstance(code, CodeType) and "training" in code.co_names
