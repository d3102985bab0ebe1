"""Hard problems: a learner need not be good on them, but must end with a finite recommendation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from nogd.testing.check import broken, check
from nogd.testing.toys import ALL, CURVE, PLANE, SLOPE, Toy, first_fit
from nogd.testing.trial import Trial
from nogd.training.learner import Learner
from nogd.training.loop import Outcome

Loss = Callable[[Tensor, Tensor], Tensor]
# Who follows one of these may walk to where there is none.
_SLOPES = {"gradient", "directional", "curvature"}


def _holed(value: float) -> list[Toy]:
    """Squared error, but `value` wherever the outputs' mean is above the edge, which is just beyond the start's."""

    def holed(edge: float) -> Loss:
        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            error = (outputs - targets).square().mean()
            return torch.where(outputs.mean() > edge, torch.full_like(error, value), error)

        return loss

    return [replace(toy, loss=holed(edge)) for toy, edge in ((CURVE, 4.6), (PLANE, 0.4))]


def _nowhere(outputs: Tensor, _targets: Tensor) -> Tensor:
    return outputs.mean() * math.nan


def _constant(outputs: Tensor, _targets: Tensor) -> Tensor:
    return outputs.mean() * 0 + 1


def _in_double(outputs: Tensor, targets: Tensor) -> Tensor:
    return (outputs - targets).double().square().mean()


def _with(loss: Loss) -> list[Toy]:
    return [replace(toy, loss=loss) for toy in (CURVE, PLANE)]


@check("Use the ranks of losses, which may be infinite; take no mean, weight or difference of infinite ones.")
def survives_losses_that_are_not_finite(learner: Learner) -> None:
    """Networks diverge: a loss that is NaN or infinite ranks last, and never becomes the solution."""
    for name, value in (("NaN", math.nan), ("infinity", math.inf)):
        outcome = _survive(learner, first_fit(learner, _holed(value)), f"where some losses are {name}")
        if outcome.status == "diverged" and not learner.needs & _SLOPES:
            broken(f"where some losses are {name}, its final recommendation is one of them.")
    _survive(learner, first_fit(learner, _with(_nowhere)), "where every loss is NaN")


@check("Do not divide by a spread of losses that may be 0, and end or continue if nothing gets better.")
def survives_constant_losses(learner: Learner) -> None:
    """Many networks start on a plateau, which gives no direction."""
    outcome = _survive(learner, first_fit(learner, _with(_constant)), "where all losses are equal")
    if outcome.status == "diverged":
        broken("where all losses are equal, its recommendation is not finite.")


@check("Take the dtype of what stores losses from the losses themselves, not from theta.")
def survives_losses_in_double_precision(learner: Learner) -> None:
    """A simulator and a loss of one's own may give float64 where parameters are float32."""
    _survive(learner, first_fit(learner, _with(_in_double)), "where losses are float64")


@check(
    "Allow theta to have a single element (no covariance of one column, no neighbours), or refuse it in `supports`."
)
def survives_one_parameter(learner: Learner) -> None:
    """The smallest network has one parameter."""
    _survive(learner, first_fit(learner, [SLOPE]), "with one parameter")


@check("Do not divide by the width of the box, and draw from low to high including both ends.")
def survives_a_box_of_zero_width(learner: Learner) -> None:
    """If low equals high, there is only one value to try."""
    toys = [replace(toy, bounds=(0.5, 0.5)) for toy in ALL]
    _survive(learner, first_fit(learner, toys), "in a box of width 0")


@check("Size the last call by `objective.room()`, and expect BudgetSpent from any call, even the first one.")
def survives_a_budget_below_one_step(learner: Learner) -> None:
    """Any budget may be given, even a single forward, or less than a population."""
    for forwards in (0.5, 1, 2, 3, 7):
        _survive(learner, first_fit(learner), f"with {forwards:g} forwards", forwards)


@check(
    "Take the number of parameters from theta or `objective.D`, and names and positions from `objective.space`."
)
def survives_frozen_parameters(learner: Learner) -> None:
    """Parameters without requires_grad are not part of theta and stay as they are."""
    toy = first_fit(learner, [_half_frozen(toy) for toy in ALL])
    trial = Trial(learner, toy)
    fixed = _fixed(trial.objective.module)
    trial.run()
    for name, value in _fixed(trial.objective.module).items():
        if not torch.equal(value, fixed[name]):
            broken(f"it changed the parameter {name}, which is frozen.")


def _survive(learner: Learner, toy: Toy, where: str, forwards: float | None = None) -> Outcome:
    """Run; what is raised, and what is left behind, must be no accident."""
    trial = Trial(learner, toy, forwards=forwards)
    try:
        outcome = trial.run()
    except Exception as error:
        raise RuntimeError(f"{where}: {type(error).__name__}: {error}") from error
    if outcome.theta.shape != trial.start.shape or not outcome.theta.isfinite().all():
        broken(f"{where}, its recommendation is not finite.")
    return outcome


def _half_frozen(toy: Toy) -> Toy:
    def network() -> nn.Module:
        module = toy.network()
        first = next(module.parameters())
        first.requires_grad_(False)
        return module

    return replace(toy, name=f"{toy.name}, half frozen", network=network)


def _fixed(module: nn.Module) -> dict[str, Tensor]:
    return {name: p.detach().clone() for name, p in module.named_parameters() if not p.requires_grad}


CHECKS = (
    survives_losses_that_are_not_finite,
    survives_constant_losses,
    survives_one_parameter,
    survives_losses_in_double_precision,
    survives_a_box_of_zero_width,
    survives_a_budget_below_one_step,
    survives_frozen_parameters,
)
