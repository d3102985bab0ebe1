"""What Python code calls: train a module on data, or by any score; score candidates; run an experiment."""

from __future__ import annotations

import functools
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from nogd.engine.black_box import BlackBox
from nogd.engine.black_box_of_outputs import BlackBoxOfOutputs
from nogd.engine.device import find_device
from nogd.engine.function import Function, Vector
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
from nogd.training.callbacks import Callback
from nogd.training.held_out import held_out
from nogd.training.names import build
from nogd.training.user_call import AnyBudget, AnyLearner, Asked, Run, as_budget, is_whole, run_asked

if TYPE_CHECKING:
    from nogd.bench.experiment import Experiment
    from nogd.report.results import Results


def fit(
    module: nn.Module | Function,
    inputs: Any,
    targets: Any = None,
    *,
    learner: AnyLearner,
    theta: Any = None,
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
    """Train a module on data, starting from its present parameters, and leave the solution in it.

    :param module: only its parameters with `requires_grad` are searched. Its own mode (training or eval) stays as it
        is. Or any callable `function(theta, inputs) -> outputs [N, ...]`, such as a C library or a device, which is
        called once for each forward; it takes `targets`, `loss`, `bounds` (one pair) and what belongs to a run.
    :param inputs: `[N, ...]`: a tensor, array or DataFrame; for a module whose forward takes several inputs, a tuple
        (by position) or a dict (by name) of these, with N rows each. Whole numbers and booleans stay what they are
        where the module takes them. For data that do not fit into memory, a torch Dataset or DataLoader, or any
        iterable that gives pairs of batches (inputs, targets) in the same order each time; one pass over it scores all
        candidates of a call.
    :param targets: `[N, ...]`, in the same forms as a single input; left out for a source of batches.
    :param learner: a learner, or its name, such as "adam,lr=0.01" or "grid-search+adam".
    :param theta: where a function starts, `[D]`: a tensor, or an array, which the function then gets.
    :param loss: a name (see `nogd list losses`) or a callable (outputs, targets) -> scalar.
    :param budget: a Budget, or a number of forwards; 3,000 forwards by default.
    :param bounds: the search box: one pair (low, high), or a mapping from patterns of parameter names to pairs.
    :param seed: of all random numbers of the run, a whole number of at most 63 bits.
    :param target: end the run as soon as a scored candidate's training loss is no higher. The loss of a mini-batch does
        not count.
    :param device: where to compute, such as "cuda"; the module's own device by default.
    :param dtype: floating-point type of parameters and data; the module's own by default.
    :param batch_size: examples per query for learners that use mini-batches; with other learners it gives a warning.
    :param mode: "eval" trains the network as it will be used: without Dropout, and with the running statistics of
        BatchNorm, which are gathered from the data at the start if they are empty. "train" scores candidates as
        gradient descent usually does: all candidates of a call share their masks, and BatchNorm uses the statistics of
        the batch. Reported losses, and the one compared with `target`, are measured in eval mode either way.
    :param validation: a pair (inputs, targets) or a source of batches that is not trained on. Each row of the curve
        then has a `validation_loss`; measuring it costs no forwards and none of the run's seconds.
    :param callback: called with each row of the curve, a dict, as it is recorded. It ends the run before the next step
        (status "stopped") by returning True or raising StopIteration. Any other error is raised here, with what was
        found so far in the module.
    :param progress: whether to show on stderr how far the run is. By default on a terminal, once the run takes more
        than two seconds.
    :param checkpoint: a file, written every five seconds and at the end. The same call, repeated after Ctrl-C or a
        kill, continues from it and ends bit for bit as if it had not been interrupted; a run that has ended is returned
        at once. The callback is first called again with the rows up to there. A checkpoint of a different call (other
        learner, data, budget, initial parameters, ...) is refused. Of functions, such as your own loss, only the name
        is compared.
    :param hyper: further hyper-parameters of the learner.
    :returns: the run; the solution is also in the module.
    :raises UserError: if an argument is invalid, or the learner cannot work on this problem.
    """
    plan = Asked(build(learner, hyper), as_budget(budget), seed, target, callback, progress, checkpoint)
    if _is_function(module):
        given = {"device": device, "dtype": dtype, "batch_size": batch_size, "validation": validation}
        return _fit_function(plan, Vector(module, theta, inputs), targets, loss, bounds, given, mode)
    module = checked_module(module)
    if theta is not None:
        raise InvalidSetting("theta is where a function starts; a module starts from its own parameters.")
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
    return run_asked(plan, trained, module, batches)


def _is_function(module: object) -> TypeGuard[Function]:
    return callable(module) and not isinstance(module, nn.Module | type)


def _fit_function(
    plan: Asked,
    vector: Vector,
    targets: Any,
    loss: AnyLoss,
    bounds: Bounds,
    given: Mapping[str, object],
    mode: Mode,
) -> Run:
    """given: what a function does not take."""
    refused = [name for name, value in given.items() if value is not None]
    if refused or mode != "eval":
        raise InvalidSetting(f"{(refused or ['mode'])[0]} is for a module; a function computes as it likes.")
    if targets is None:
        raise InvalidSetting("a function needs targets [N, ...] that its outputs are compared with.")
    space = ParameterSpace(vector, bounds)

    @functools.wraps(vector.function)
    def answer(_: nn.Module) -> Tensor:
        return vector.outputs()

    return run_asked(plan, Objective(_black_box_of_outputs(vector, space, answer, targets, loss)), vector)


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
    """Train a module by any callable that scores it; lower is better.

    `learner`, `budget`, `bounds`, `seed`, `target`, `callback`, `progress`, `checkpoint` and `hyper` are those of
    `fit`.

    :param module: only its parameters with `requires_grad` are searched.
    :param score: called with the module itself, holding a candidate's parameters; returns a number. No gradient is
        taken. One call counts 1 forward.
    :param learner: a learner, or its name, such as "random-search".
    :param targets: `[N, ...]`: if given, `score` returns outputs `[N, ...]` in place of a number (as a device or an
        external program does), and their loss is minimised. Learners that look at outputs can then be used.
    :param loss: with `targets`: a name or a callable (outputs, targets) -> scalar.
    :param budget: a Budget, or a number of forwards; 3,000 forwards by default.
    :param bounds: the search box.
    :param seed: of all random numbers of the run.
    :param target: end the run as soon as a score is no higher.
    :param callback: called with each row of the curve, a dict, as it is recorded. It ends the run before the next step
        (status "stopped") by returning True or raising StopIteration. Any other error is raised here, with what was
        found so far in the module.
    :param progress: whether to show on stderr how far the run is. By default on a terminal, once the run takes more
        than two seconds.
    :param checkpoint: a file that an interrupted call continues from.
    :param hyper: further hyper-parameters of the learner.
    :returns: the run; the solution is also in the module.
    :raises UserError: if an argument is invalid, or the learner cannot work on this problem.
    """
    if not callable(score):
        raise InvalidSetting(f"the score must be a callable of the module, not {score!r:.60}.")
    space = ParameterSpace(checked_module(module), bounds)
    box = (
        BlackBox(module, space, score)
        if targets is None
        else _black_box_of_outputs(module, space, score, targets, loss)
    )
    plan = Asked(build(learner, hyper), as_budget(budget), seed, target, callback, progress, checkpoint)
    return run_asked(plan, Objective(box), module)


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
    """The objective that `fit` minimises, to score candidates yourself: `objective(...).losses(Population(thetas))`.

    It works on a copy of the module as it is now, hooks included. Data in tensors are not copied: do not change them.
    Several threads may use it at once. `write` puts a solution into the module.

    :param module: only its parameters with `requires_grad` are searched.
    :param inputs: `[N, ...]`, or a source of batches; see `fit`.
    :param targets: `[N, ...]`; left out for a source of batches.
    :param loss: a name or a callable (outputs, targets) -> scalar.
    :param bounds: the search box.
    :param device: where to compute; the module's own device by default.
    :param dtype: floating-point type of parameters and data; the module's own by default.
    :param batch_size: examples per query for learners that use mini-batches.
    :param engine: how to score candidates: "compiled", "stack", "chain", "vmap" or "loop". By default the fastest that
        is right for the module; `objective(...).engine` says which and why. A module that vmap refuses shows this at
        the first call, which warns and goes on with the loop.
    :param mode: "eval" or "train"; see `fit`.
    :raises InvalidSetting: if an argument is invalid, or this engine cannot score the module.
    """
    if batch_size is not None and not (is_whole(batch_size) and batch_size >= 1):
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
    """Run an experiment, as `nogd run` does, and return its results.

    :param experiment: a TOML file, a mapping or an Experiment; may be left out if `changes` say enough.
    :param out: the folder of the store. Runs that it has already are not repeated.
    :param jobs: number of parallel runs; 0 = in this process. By default one per core that it may use.
    :param fresh: repeat the runs that `out` has already. Each old run stays until the new one has finished.
    :param progress: whether to show progress on stderr.
    :param changes: settings of the experiment (learners, tasks, repetitions, budget, threads, device, timeout in
        seconds, memory in GiB, keep_thetas, executor, ...), so that `run(learners=["adam", Mine()],
        tasks=["diabetes"])` needs no file.
    :returns: the results of this experiment's runs.
    :raises UserError: if a setting is invalid.
    """
    from nogd.bench.experiment import make_experiment
    from nogd.bench.progress import Silent, terminal
    from nogd.bench.run import execute
    from nogd.report.results import load_results

    made = make_experiment(experiment, **changes)
    summary = execute(made, Path(out), jobs=jobs, fresh=fresh, progress=terminal() if progress else Silent())
    return load_results(out, summary.planned)


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


def _is_floating(dtype: object) -> bool:
    return isinstance(dtype, torch.dtype) and dtype.is_floating_point
