"""What Python code calls: train a module on data, or by any score; score candidates; run an experiment."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nogd.engine.accounts.meter import Budget, Meter
from nogd.engine.black_box import BlackBox
from nogd.engine.black_box_of_outputs import BlackBoxOfOutputs
from nogd.engine.device import find_device
from nogd.engine.inputs.loading import StreamedBatches, is_stream
from nogd.engine.inputs.tensors import as_targets, as_tensors
from nogd.engine.losses import find_loss
from nogd.engine.making import AnyLoss, make_network, make_stream
from nogd.engine.modules.copies import check_independent, private_copy
from nogd.engine.modules.mode import Mode, checked_mode, switched_off
from nogd.engine.network import Engine, Network
from nogd.engine.objective import Objective
from nogd.engine.space import DEFAULT_BOX, Bounds, ParameterSpace
from nogd.engine.stream import Stream
from nogd.engine.workable import checked_module
from nogd.errors import InvalidSetting, NogdWarning
from nogd.training.attended import Wishes, attended
from nogd.training.calls import call_of
from nogd.training.checkpoints import Checkpoint
from nogd.training.companions import Callback
from nogd.training.held_out import Batch, HeldOutMeasure, held_out
from nogd.training.learner import Learner, refusal
from nogd.training.loop import Ending
from nogd.training.names import build, first_complaint
from nogd.training.recorder import Point

if TYPE_CHECKING:
    import pandas as pd

    from nogd.bench.experiment import Experiment
    from nogd.report.results import Results

DEFAULT_BUDGET = Budget(forwards=3_000)

AnyLearner = str | Learner | type[Learner]
AnyBudget = Budget | float | Mapping[str, float]


@dataclass(frozen=True, eq=False)
class Run:
    """What one run left behind.

    theta: the solution, `[D]`. loss: its training loss. best_loss: the lowest training loss scored anywhere in the
    run. status: "ok" (the learner was finished), "target", "budget", "stopped" (by the callback) or "diverged", with
    the reason. meter: what it cost. points: the curve as rows; `curve` is the same as a DataFrame. validation_loss: the
    solution's on the validation data, NaN if there are none.
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


def fit(
    module: nn.Module,
    inputs: Any,
    targets: Any = None,
    *,
    learner: AnyLearner,
    loss: AnyLoss = "mse",
    budget: AnyBudget | None = None,
    bounds: Bounds = DEFAULT_BOX,
    seed: int = 0,
    target: float | None = None,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    batch_size: int | None = None,
    mode: Mode = "eval",
    validation: Any = None,
    callback: Callback | None = None,
    progress: bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    **hyper: Any,
) -> Run:
    """Train a module on data from its present parameters, and leave the solution in it.

    inputs `[N, ...]` and targets: tensors, arrays or DataFrames; or, for data that do not fit into memory, inputs
    alone: a torch Dataset or DataLoader, or anything that gives pairs of batches (inputs, targets) in the same order
    each time it is iterated over. One pass scores all candidates of a call, each on all examples. For a module whose
    forward takes several, inputs are a tuple (by place) or a dict (by name) of such, with as many rows each; whole
    numbers and booleans stay what they are where the module takes them. learner: a name such as "adam,lr=0.01" or
    "grid-search+adam", or a learner; hyper: further hyper-parameters of it. loss: a name (`nogd list losses`) or any
    callable (outputs, targets) -> scalar. budget: a Budget or a number of forwards; 3,000 forwards if not given.
    bounds: the box where searchers look, one pair or a mapping from patterns of parameter names to pairs.
    target: stop as soon as a scored candidate's training loss is no higher; a mini-batch's loss is not that.
    batch_size: rows of a query for learners that take mini-batches; with others it is a warning. mode: "eval" trains
    the network as it will be used, without Dropout and with the running statistics of BatchNorm, which are gathered
    from the data at the start if they hold nothing yet; "train" scores candidates as gradient descent usually does,
    with masks that all candidates of a call share and the statistics of the batch, while whatever is reported, and what
    the target ends a run by, is still measured in eval mode. The module's own mode stays as it is. Only parameters with
    `requires_grad` are searched. Raises UserError for whatever makes no sense.

    validation: a pair (inputs, targets) that is not trained on, or a source of batches like inputs alone. Each row of
    the curve then has a `validation_loss`; measuring it counts nothing and takes none of the run's seconds. callback:
    called with each row of the curve, a dict, as it is recorded. It ends the run before the next step (status
    "stopped") by returning True or raising StopIteration; any other error is raised here, with what was found so far in
    the module. progress: whether to show on stderr how far the run is; left out, on a terminal and once it takes more
    than two seconds. checkpoint: a file, written every five seconds and at the end. The same call again, after Ctrl-C
    or a kill, goes on from there and ends to the bit as a run that was never stopped; a run that has ended is given
    back at once. In both cases the callback is told the rows up to there first. The file of another call (other
    learner, data, budget, first parameters, ...) is refused; of functions, such as a loss of your own, only the name is
    compared.
    """
    trained = objective(
        module,
        inputs,
        targets,
        loss=loss,
        bounds=bounds,
        device=device,
        dtype=dtype,
        batch_size=batch_size,
        mode=mode,
    )
    batches = None if validation is None else held_out(validation, trained)
    plan = _Plan(build(learner, hyper), as_budget(budget), seed, target, callback, progress, checkpoint)
    return _run(plan, trained, module, batches)


def minimize(
    module: nn.Module,
    score: Callable[[nn.Module], Any],
    *,
    learner: AnyLearner,
    targets: Any = None,
    loss: AnyLoss = "mse",
    budget: AnyBudget | None = None,
    bounds: Bounds = DEFAULT_BOX,
    seed: int = 0,
    target: float | None = None,
    callback: Callback | None = None,
    progress: bool | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    **hyper: Any,
) -> Run:
    """Train a module by any callable `score(module) -> float`, lower being better; see `fit` for the rest.

    The score is called with the module itself, holding a candidate's parameters; no gradient is taken of it. With
    targets `[N, ...]` it returns outputs `[N, ...]` in place of a number, as a device or a program of others' does, and
    their loss is what is minimised: learners that look at outputs can then be used.
    """
    if not callable(score):
        raise InvalidSetting(f"the score must be a callable of the module, not {score!r:.60}.")
    space = ParameterSpace(checked_module(module), bounds)
    box = (
        BlackBox(module, space, score)
        if targets is None
        else _black_box_of_outputs(module, space, score, targets, loss)
    )
    plan = _Plan(build(learner, hyper), as_budget(budget), seed, target, callback, progress, checkpoint)
    return _run(plan, Objective(box), module)


def _black_box_of_outputs(
    module: nn.Module, space: ParameterSpace, call: Callable[[nn.Module], Any], targets: Any, loss: AnyLoss
) -> BlackBoxOfOutputs:
    return BlackBoxOfOutputs(module, space, call, as_targets(targets, space), find_loss(loss))


def objective(
    module: nn.Module,
    inputs: Any,
    targets: Any = None,
    *,
    loss: AnyLoss = "mse",
    bounds: Bounds = DEFAULT_BOX,
    device: str | torch.device | None = None,
    dtype: torch.dtype | None = None,
    batch_size: int | None = None,
    engine: Engine | None = None,
    mode: Mode = "eval",
) -> Objective:
    """What `fit` minimises, for people who score candidates themselves: `objective(...).losses(Population(thetas))`.

    It works on a copy of the module as it is now, hooks included, in the mode that is given; see `fit`. Tensors of data
    are not copied: leave them as they are. Several threads may use it at once. `write` puts a solution into the module.

    engine: how to score candidates ("compiled", "stack", "chain", "vmap" or "loop"); left out, the fastest that is
    right is chosen, which the objective's own `engine` tells with the reason. Raises InvalidSetting if that one cannot;
    what vmap refuses shows at the first call, which then warns and goes on by the loop.
    """
    if batch_size is not None and not (_is_whole(batch_size) and batch_size >= 1):
        raise InvalidSetting(f"batch_size must be a whole number of at least 1, not {batch_size!r:.60}.")
    if dtype is not None and not _is_floating(dtype):
        raise InvalidSetting(f"dtype must be a floating-point type such as torch.float64, not {dtype!r:.60}.")
    mode = checked_mode(mode)
    place = None if device is None else find_device(device)
    working = private_copy(checked_module(module)).to(device=place, dtype=dtype).eval()
    space = ParameterSpace(working, bounds)
    if isinstance(inputs, TensorDataset) and targets is None and len(inputs.tensors) == 2:
        inputs, targets = inputs.tensors  # in memory as it is
    scorer: Stream | Network
    if is_stream(inputs, targets):
        batches = StreamedBatches(inputs, working, space)
        check_independent(working, module, batches.first[0])
        if batch_size is not None:
            batches.rows(torch.zeros(1, dtype=torch.long, device="cpu"))  # now, not in the midst of a run
        scorer = make_stream(working, batches, loss, space, engine, mode)
    else:
        x, y = as_tensors(inputs, targets, space)
        scorer = make_network(working, x, y, loss, space, engine, mode)
        check_independent(working, module, scorer.inputs)
    _tell_of_mode(module, scorer)
    return Objective(scorer, batch_size=batch_size)


def run(
    experiment: Experiment | Mapping[str, Any] | str | Path | None = None,
    *,
    out: str | Path = "nogd-runs",
    jobs: int | None = None,
    fresh: bool = False,
    progress: bool = True,
    **changes: Any,
) -> Results:
    """Run an experiment and return its results.

    experiment: a TOML file, a mapping or an Experiment; changes: settings of it (learners, tasks, repetitions, budget,
    threads, device, timeout, memory, keep_thetas, executor, ...), so that
    `run(learners=["adam", Mine()], tasks=["diabetes"])` needs no file. out: the folder of the store; cells that are
    done there are not run again unless `fresh`, and then each keeps its old run until the new one is there. jobs: cells
    at once, one a core that may be used if not given; 0 runs them in this process. Raises UserError for whatever makes
    no sense.
    """
    from nogd.bench.experiment import make_experiment
    from nogd.bench.progress import Silent, terminal
    from nogd.bench.run import execute
    from nogd.report.results import load_results

    made = make_experiment(experiment, **changes)
    summary = execute(made, Path(out), jobs=jobs, fresh=fresh, progress=terminal() if progress else Silent())
    return load_results(out, summary.planned)


def as_budget(budget: AnyBudget | None) -> Budget:
    """A Budget from a number of forwards, a mapping or a Budget. Raises InvalidSetting naming what is wrong."""
    from pydantic import ValidationError

    if budget is None:
        return DEFAULT_BUDGET
    if isinstance(budget, Budget):
        return budget
    try:
        return Budget.model_validate(budget if isinstance(budget, Mapping) else {"forwards": budget})
    except ValidationError as error:
        raise InvalidSetting(f"budget: {first_complaint(error)}") from None


@dataclass(frozen=True)
class _Plan:
    """What the doors are asked for, beside the problem."""

    learner: Learner
    budget: Budget
    seed: int
    target: float | None
    callback: Callback | None
    progress: bool | None
    checkpoint: str | os.PathLike[str] | None


def _run(plan: _Plan, trained: Objective, module: nn.Module, held: Iterable[Batch] | None = None) -> Run:
    learner, seed, target = plan.learner, plan.seed, plan.target
    if (reason := refusal(learner, trained)) is not None:
        raise InvalidSetting(f"{learner} is not applicable: {reason}.")
    if target is not None and not _is_number(target):
        raise InvalidSetting(f"target must be a number, not {target!r:.60}.")
    if not _is_whole(seed) or not -(2**63) <= seed < 2**63:
        raise InvalidSetting(f"seed must be a whole number of at most 63 bits, not {seed!r:.60}.")
    if plan.callback is not None and not callable(plan.callback):
        raise InvalidSetting(
            f"callback is called with each row of the curve, which {plan.callback!r:.60} cannot be."
        )
    _tell_whole_only(learner, trained)
    file = None
    if plan.checkpoint is not None:
        call = call_of(learner, trained, plan.budget, module, held, seed=seed, target=target)
        file = Checkpoint(plan.checkpoint, call)
    ended = attended(
        learner,
        trained,
        module,
        trained.measure if held is None else HeldOutMeasure(trained, held),
        Wishes(plan.callback, plan.progress, file),
        limit=plan.budget.limit(),
        seed=int(seed),
        target=target,
    )
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


def _tell_of_mode(module: nn.Module, scorer: Network | Stream) -> None:
    """One sentence where a user may expect another mode, and one where no mode makes the module a function."""
    if scorer.mode == "eval" and (layers := switched_off(module)):
        *others, last = layers
        what = f"{', '.join(others)} and {last}" if others else last
        warnings.warn(
            f"the module holds {what} and is trained in eval mode, as"
            ' the function that it will be used as; mode="train" trains it as gradient descent usually does, and'
            " module.eval() beforehand says that eval mode is meant.",
            NogdWarning,
            stacklevel=3,
        )
    if scorer.conduct.draws:
        warnings.warn(
            "the module draws random numbers in eval mode too; nogd gives it the same ones in each call, so that losses"
            " can be compared, but whoever uses it later will get others.",
            NogdWarning,
            stacklevel=3,
        )


def _is_whole(value: object) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not math.isnan(value)


def _is_floating(dtype: object) -> bool:
    return isinstance(dtype, torch.dtype) and dtype.is_floating_point
