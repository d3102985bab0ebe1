"""What a call of `nogd.fit` or `nogd.minimize` asks for beside its problem, its run and what that returns."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from torch import Tensor, nn

from nogd.engine.accounts.meter import Budget, Meter
from nogd.engine.objective import Objective
from nogd.errors import InvalidSetting, NogdWarning
from nogd.training.call_identity import call_of
from nogd.training.callbacks import Callback
from nogd.training.checkpoints import Checkpoint
from nogd.training.held_out import Batch, HeldOutMeasure
from nogd.training.learner import Learner, refusal
from nogd.training.loop import Ending
from nogd.training.names import first_complaint
from nogd.training.recorder import Point
from nogd.training.user_run import Request, run_for_user

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_BUDGET = Budget(forwards=3_000)

AnyLearner = str | Learner | type[Learner]
AnyBudget = Budget | float | Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Run:
    """The result of one run.

    :param learner: the learner, with its hyper-parameters.
    :param theta: the solution, `[D]`.
    :param loss: the solution's training loss.
    :param best_loss: the lowest training loss that was scored anywhere in the run.
    :param status: "ok" (the learner was finished), "target", "budget", "stopped" (by the callback) or "diverged".
    :param reason: why the run ended, in words.
    :param meter: what it cost.
    :param points: the curve as rows; `curve` is the same as a DataFrame.
    :param validation_loss: the solution's loss on the validation data, NaN without any.
    """

    learner: Learner
    theta: Tensor
    loss: float
    best_loss: float
    status: Ending
    reason: str
    meter: Meter
    points: list[Point]
    validation_loss: float = math.nan

    @property
    def curve(self) -> pd.DataFrame:
        """One row per point: the start, then the end of each iteration (thinned beyond 1,000), then the end."""
        import pandas as pd  # here: a run that nobody plots need not wait for it

        curve = pd.DataFrame(self.points)
        whole = ["iteration", "evaluations", "gradients", "examples", "phase"]
        return curve.astype(dict.fromkeys(whole, "int64"))

    def __repr__(self) -> str:
        return f"Run({self.learner}: {self.status}, loss {self.loss:.6g}, {self.meter.forwards:.6g} forwards)"


def as_budget(budget: AnyBudget | None) -> Budget:
    """A Budget from a number of forwards, a mapping or a Budget.

    :param budget: None for the default, 3,000 forwards.
    :raises InvalidSetting: if it is not valid, naming what is wrong.
    """
    if budget is None:
        return DEFAULT_BUDGET
    if isinstance(budget, Budget):
        return budget
    try:
        return Budget.model_validate(budget if isinstance(budget, Mapping) else {"forwards": budget})
    except ValidationError as error:
        raise InvalidSetting(f"budget: {first_complaint(error)}") from None


@dataclass(frozen=True)
class Asked:
    """What a call asks for."""

    learner: Learner
    budget: Budget
    seed: int
    target: float | None
    callback: Callback | None
    progress: bool | None
    checkpoint: str | os.PathLike[str] | None


def run_asked(plan: Asked, trained: Objective, module: nn.Module, held: Iterable[Batch] | None = None) -> Run:
    """The run of such a call. Raises InvalidSetting for what cannot be asked."""
    learner, seed, target = plan.learner, plan.seed, plan.target
    if (reason := refusal(learner, trained)) is not None:
        raise InvalidSetting(f"{learner} is not applicable: {reason}.")
    if target is not None and not _is_number(target):
        raise InvalidSetting(f"target must be a number, not {target!r:.60}.")
    seed = checked_seed(seed)
    if plan.callback is not None and not callable(plan.callback):
        raise InvalidSetting(
            f"callback is called with each row of the curve, which {plan.callback!r:.60} cannot be."
        )
    _tell_whole_only(learner, trained)
    file = None
    if plan.checkpoint is not None:
        call = call_of(learner, trained, plan.budget, module, held, seed=seed, target=target)
        file = Checkpoint(plan.checkpoint, call)
    request = Request(
        learner=learner,
        measure=trained.measure if held is None else HeldOutMeasure(trained, held),
        limit=plan.budget.limit(),
        seed=seed,
        target=target,
        callback=plan.callback,
        progress=plan.progress,
        checkpoint=file,
    )
    ended = run_for_user(request, trained, module)
    return Run(learner=learner, meter=trained.meter, **vars(ended))


def _tell_whole_only(learner: Learner, trained: Objective) -> None:
    if trained.batch_size is not None and (names := learner.whole_only()):
        warnings.warn(
            f"batch_size={trained.batch_size} makes no difference to {' and '.join(names)}, which"
            f" {'asks' if len(names) == 1 else 'ask'} for all examples each time; leave it out, or take a learner of"
            " mini-batches, such as adam.",
            NogdWarning,
            stacklevel=4,
        )


def checked_seed(seed: Any) -> int:
    """The seed, if it is one. Raises InvalidSetting."""
    if not is_whole(seed) or not -(2**63) <= seed < 2**63:
        raise InvalidSetting(f"seed must be a whole number of at most 63 bits, not {seed!r:.60}.")
    return int(seed)


def is_whole(value: object) -> bool:
    """Whether it is a whole number."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not math.isnan(value)
