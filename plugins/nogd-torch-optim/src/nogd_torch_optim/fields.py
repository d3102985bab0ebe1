"""Hyper-parameters from the signature of an optimiser's constructor."""

from __future__ import annotations

import functools
import inspect
import operator
import re
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import Field
from torch import Tensor
from torch.optim import Optimizer

# How torch computes, and not what; "maximize" turns the search round.
NOT_SETTINGS = frozenset({"params", "foreach", "fused", "capturable", "differentiable", "maximize"})
# What the signature says less of than there is to say, and defaults that are other than torch's.
OWN: dict[tuple[str, str], tuple[Any, Any]] = {
    ("LBFGS", "line_search_fn"): (Literal["strong_wolfe"] | None, "strong_wolfe"),
}


def fields_of(optimiser: type[Optimizer]) -> dict[str, Any]:
    """Each hyper-parameter's type and pydantic field."""
    said = descriptions(optimiser.__doc__ or "")
    found = {}
    for name, parameter in inspect.signature(optimiser, eval_str=True).parameters.items():
        if name in NOT_SETTINGS:
            continue
        given = (plain_type(parameter.annotation), parameter.default)
        kind, default = OWN.get((optimiser.__name__, name), given)
        text = said.get(name, f"as in torch.optim.{optimiser.__name__}")
        found[name] = (kind, Field(_as(kind, default), description=text))
    return found


def plain_type(annotation: Any) -> Any:
    """The type without tensors, and finite where it is a float."""
    if annotation is float:
        return Annotated[float, Field(allow_inf_nan=False)]
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        return functools.reduce(operator.or_, (plain_type(each) for each in inner if each is not Tensor))
    if origin is tuple:
        return tuple[tuple(plain_type(each) for each in inner)]  # type: ignore[misc]  # made at run time
    return annotation


def _as(kind: Any, default: Any) -> Any:
    """The default as its type has it: torch writes 0 where it takes a float."""
    is_float = get_origin(kind) is Annotated and get_args(kind)[0] is float
    return float(default) if is_float else default


def descriptions(text: str) -> dict[str, str]:
    """What the docstring's list of arguments says of each, in one line and without its default."""
    found = re.findall(
        r"^ +(\w+) \([^\n]*?\): (.*?)(?=^ +\w+ \([^\n]*?\):|^\s*$|\Z)", text, re.MULTILINE | re.DOTALL
    )
    return {name: _in_one_line(said) for name, said in found}


def _in_one_line(said: str) -> str:
    without = re.sub(r"\s*\(default:.*?\)(?=\s|\.|$)", "", " ".join(said.split()))
    return re.sub(r":\w+:`~?([^`<]*)[^`]*`", r"\1", without).strip(" .")
