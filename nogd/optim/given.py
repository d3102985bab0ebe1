"""What an optimizer is given to search: a module, or parameters as the optimizers of torch take them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from torch import Tensor, nn

from nogd.engine.space import ParameterSpace
from nogd.engine.workable import checked_module
from nogd.errors import InvalidSetting


def module_of(given: object) -> nn.Module:
    """The module itself, or one that holds these parameters. Raises InvalidSetting for anything else."""
    if isinstance(given, nn.Module):
        return checked_module(given)
    if isinstance(given, Tensor | str | bytes) or not isinstance(given, Iterable):
        raise InvalidSetting(
            f"an optimizer takes a module, or its parameters as module.parameters() gives them, not {_told(given)}."
        )
    return checked_module(_Holder(dict(map(_named, count(), _only_group(list(given))))))


class _Holder(nn.Module):
    """Holds parameters of other modules under the names that they have there."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        super().__init__()
        self._parameters.update(parameters)  # register_parameter refuses the dots in names


def _only_group(given: list[Any]) -> list[Any]:
    """The parameters, where they may stand in one group of torch's."""
    if not any(isinstance(each, dict) for each in given):
        return given
    group, *others = given
    if others or group.keys() != {"params"}:
        refuse_groups()
    return list(group["params"])


def refuse_groups() -> None:
    """Raise InvalidSetting: there is one group."""
    raise InvalidSetting(
        "a learner sees all parameters as one vector, so that there are no groups with settings of their own: give the"
        ' parameters as one list; bounds={"*.bias": (-1, 1)} gives some of them another search box.'
    )


def _named(number: int, given: Any) -> tuple[str, Tensor]:
    """A parameter and its name, which is its number where it has none."""
    name, parameter = given if isinstance(given, tuple) and len(given) == 2 else (str(number), given)
    if not (isinstance(name, str) and isinstance(parameter, Tensor) and parameter.is_leaf):
        raise InvalidSetting(
            f"an optimizer takes parameters, such as those of module.parameters(), and {_told(given)} is none."
        )
    return name, parameter


def check_same(space: ParameterSpace, module: nn.Module) -> None:
    """Raise InvalidSetting where the module has not the parameters any more that the optimizer was made for."""
    now = {
        name: (tuple(p.shape), p.dtype, p.device) for name, p in module.named_parameters() if p.requires_grad
    }
    made_for = {t.name: (t.shape, space.dtype, space.device) for t in space}
    changed = [name for name in made_for | now if now.get(name) != made_for.get(name)]
    if changed:
        raise InvalidSetting(
            f"parameter {changed[0]!r} was added, frozen, unfrozen, moved or converted since the optimizer was made;"
            " make an optimizer when the module is ready."
        )


def _told(given: object) -> str:
    """A value in one line; a tensor's own name for itself has several."""
    return f"a tensor of shape {list(given.shape)}" if isinstance(given, Tensor) else f"{given!r:.60}"
