"""What every task must do."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Generator, Tensor, nn

from nogd.bench.process_state import readings, restored, seed_generators
from nogd.engine.inputs.tensors import named
from nogd.engine.losses import find_loss
from nogd.engine.making import make_network
from nogd.engine.modules.copies import private_copy
from nogd.engine.modules.mode import Mode, checked_mode
from nogd.engine.network import Network
from nogd.engine.several import called, mapped, parts_of
from nogd.engine.space import ParameterSpace
from nogd.problem.splits import Split
from nogd.problem.task import Problem, Task
from nogd.testing.check import NotApplicable, broken, check
from nogd.testing.trial import difference

SEED = 1
# More equal examples than this share of the smaller split are no accident of data that repeat themselves.
SHARED = 0.05
BIG = 10.0

AnyTask = Task | type[Task]


@check(
    "Draw data from a generator with a fixed seed and parameters from the seed that `problem` is given, nothing else."
)
def problem_is_deterministic(task: AnyTask) -> None:
    """The problem depends on the seed alone, whatever the global generators hold, so that all learners get the same."""
    first = _contents(_problem(task))
    for name, seed in (("again", 1), ("under another global seed", 2)):
        with restored():
            seed_generators(seed)
            again = _contents(_problem(task))
        if (said := _first_difference(again, first)) is not None:
            broken(f"asked {name}, it gives other values in {said}.")


@check("Make data and split depend on the task's name only, not on the seed.")
def data_do_not_depend_on_the_seed(task: AnyTask) -> None:
    """Repetitions differ in their start and random stream, never in their data."""
    found = [
        {
            name: value
            for name, value in _contents(_problem(task, seed)).items()
            if not name.startswith("network")
        }
        for seed in (SEED, SEED + 1)
    ]
    if (said := _first_difference(*found)) is not None:
        broken(f"with another seed, it gives other values in {said}.")


@check("Return copies (`tensor.clone()`) if you keep the data for the next call.")
def each_run_gets_its_own_data(task: AnyTask) -> None:
    """A learner may write into its data, and no other run may notice."""
    problem = _problem(task)
    before = _contents(problem)
    for split in _splits(problem).values():
        mapped(split.inputs, Tensor.zero_)
        split.targets.zero_()
    if (said := _first_difference(_contents(_problem(task)), before)) is not None:
        broken(f"what one run wrote into its data is found by the next one in {said}.")


@check("Split by the indices of the examples, so that each goes to one split.")
def splits_are_disjoint(task: AnyTask) -> None:
    """An example that was used for training cannot be used for testing."""
    rows = {name: _rows(split) for name, split in _several_splits(task).items()}
    names = list(rows)
    for first, second in ((a, b) for place, a in enumerate(names) for b in names[place + 1 :]):
        shared = len(rows[first] & rows[second])
        if shared > max(1.0, SHARED * min(len(rows[first]), len(rows[second]))):
            broken(f"{shared} examples of {second} are examples of {first} too.")


@check("Fit scaling to the training split alone (`standardise` does), and give each split its own memory.")
def nothing_leaks_between_splits(task: AnyTask) -> None:
    """No information about validation and test data may reach the training data, and through them a learner."""
    splits = _several_splits(task)
    for field in _fields(next(iter(splits.values()))):
        parts = {name: _fields(split)[field] for name, split in splits.items()}
        places = [part.untyped_storage().data_ptr() for part in parts.values()]
        if len(set(places)) < len(places):
            broken(f"{field} of two splits lie in the same memory.")
        for name, fitted in _SCALINGS.items():
            together = (
                torch.cat([part.flatten(1).double() for part in parts.values()])
                if _can_be_scaled(parts)
                else None
            )
            if (
                together is not None
                and fitted(together)
                and not fitted(parts["training"].flatten(1).double())
            ):
                broken(f"{field} were {name} by all splits together.")


@check(
    "Set the metric's direction in `greater_is_better`, and make it work on outputs and targets of any split."
)
def metric_is_sane(task: AnyTask) -> str:
    """Perfect predictions score better than the best constant predictor, and wrong ones do not."""
    problem = _supervised(task)
    metric, split = problem.metric, problem.test or problem.train
    with torch.no_grad():
        outputs = called(private_copy(problem.module).eval(), split.inputs)
    sign = 1 if metric.greater_is_better else -1
    candidates = list(_perfect(split.targets, outputs))
    if not candidates:
        raise NotApplicable("its outputs are of a kind that no perfect prediction is known for")
    scores = [
        (sign * metric(perfect, split.targets), sign * metric(wrong, split.targets))
        for perfect, wrong in candidates
    ]
    perfect, wrong = max(scores)
    constant = sign * problem.constant
    if not all(map(math.isfinite, (perfect, wrong, constant))):
        broken(
            f"{metric.name} is not finite: perfect {sign * perfect}, constant {problem.constant}, wrong {sign * wrong}."
        )
    if not perfect > constant:
        broken(
            f"{metric.name} of perfect predictions is {sign * perfect:g}, of the best constant {problem.constant:g}."
        )
    if wrong > constant:
        broken(
            f"{metric.name} of wrong predictions is {sign * wrong:g}, of the best constant {problem.constant:g}."
        )
    return f"{metric.name}: perfect {sign * perfect:.3g}, constant {problem.constant:.3g}, wrong {sign * wrong:.3g}"


@check(
    "Let the metric return NaN if outputs are not finite, or count them as wrong; it must not change its arguments."
)
def metric_takes_any_outputs(task: AnyTask) -> None:
    """Diverged runs are measured too, and each metric sees the same outputs and targets as the loss."""
    problem = _supervised(task)
    split = problem.test or problem.train
    with torch.no_grad():
        outputs = called(private_copy(problem.module).eval(), split.inputs)
    if not isinstance(outputs, Tensor):
        raise NotApplicable("its outputs are no tensor")
    for value in (None, math.nan, math.inf):
        given = outputs.clone() if value is None else torch.full_like(outputs, value)
        shown, targets = given.clone(), split.targets.clone()
        problem.metric(shown, targets)
        if not (torch.equal(targets, split.targets) and torch.equal(shown.nan_to_num(), given.nan_to_num())):
            broken(f"{problem.metric.name} writes into what it is given.")


@check("Set `differentiable` to whether every parameter has a gradient that says how the loss changes.")
def says_truly_whether_it_has_a_gradient(task: AnyTask) -> None:
    """Learners that need a gradient are asked only where there is one."""
    problem = _supervised(task)
    network = _network(problem, made_task(task).mode)
    loss, gradient = network.gradient(network.space.read(network.module), None)
    moving = [bool(gradient[place.start : place.stop].any()) for place in network.space]
    exists = find_loss(problem.loss).differentiable and any(moving)
    if problem.differentiable and not exists:
        broken("it says that there is a gradient, but it is zero everywhere.")
    if problem.differentiable and (said := _wrong_slope(network, gradient)):
        broken(f"it says that there is a gradient, but {said}.")
    if not problem.differentiable and exists and all(moving) and not _wrong_slope(network, gradient):
        broken("it says that there is no gradient, but every parameter has one.")
    if not loss.isfinite():
        broken("the loss of the starting point is not finite.")


@check(
    "Give the class a docstring, `why`, a version and a budget, and let `describe` return valid JSON values."
)
def task_describes_itself(task: AnyTask) -> None:
    """`nogd show NAME` and the report say what a task is and why it exists."""
    made = made_task(task)
    if not (inspect.getdoc(type(made)) or "").strip() or type(made).__doc__ is None:
        broken("the class has no docstring of its own.")
    if not made.why.strip():
        broken("`why` is empty.")
    if not (made.budget > 0 and math.isfinite(made.budget)) or made.version < 1:
        broken(f"its budget is {made.budget!r} and its version {made.version!r}: both must be positive.")
    try:
        json.dumps(made.describe())
    except (TypeError, ValueError) as error:
        broken(f"what `describe` gives cannot be written as JSON: {error}.")


@check(
    "Seed generators of your own (`torch.Generator().manual_seed(...)`), and set nothing that belongs to the process."
)
def making_it_leaves_the_process_alone(task: AnyTask) -> None:
    """Random state, threads, default type, grad mode and folder belong to whoever runs the task."""
    _problem(task)  # a data set may be read, once
    seed_generators(SEED)
    before = readings()
    _problem(task)
    changed = [name for name, value in readings().items() if difference(value, before[name]) is not None]
    if changed:
        broken(f"it changed {', '.join(changed)}.")


def made_task(task: AnyTask) -> Task:
    """The task itself, made where a class was given."""
    return task() if isinstance(task, type) else task


def _problem(task: AnyTask, seed: int = SEED) -> Problem:
    return made_task(task).problem(seed)


def _supervised(task: AnyTask) -> Problem:
    problem = _problem(task)
    if not problem.is_supervised:
        raise NotApplicable("it is scored by a function of its own: there are no targets")
    return problem


def _splits(problem: Problem) -> dict[str, Split]:
    splits = {"training": problem.train, "validation": problem.validation, "test": problem.test}
    return {name: split for name, split in splits.items() if split is not None}


def _several_splits(task: AnyTask) -> dict[str, Split]:
    splits = _splits(_problem(task))
    if len(splits) == 1:
        raise NotApplicable("it has no split")
    return splits


def _contents(problem: Problem) -> dict[str, Tensor]:
    tensors = {f"network's {name}": value for name, value in problem.module.state_dict().items()}
    for name, split in _splits(problem).items():
        tensors |= {f"{name} {field}": part for field, part in _fields(split).items()}
    return {name: value.detach().clone() for name, value in tensors.items()}


def _first_difference(found: dict[str, Tensor], expected: dict[str, Tensor]) -> str | None:
    if found.keys() != expected.keys():
        return "its parts"
    return next((name for name, value in found.items() if not torch.equal(value, expected[name])), None)


def _rows(split: Split) -> set[bytes]:
    columns = [part.reshape(len(split), -1).double() for part in _fields(split).values()]
    return {row.numpy().tobytes() for row in torch.cat(columns, 1)}


def _fields(split: Split) -> dict[str, Tensor]:
    return {named(key): part for key, part in parts_of(split.inputs).items()} | {"targets": split.targets}


def _can_be_scaled(parts: dict[str, Tensor]) -> bool:
    return all(part.is_floating_point() for part in parts.values())


def _is_standardised(columns: Tensor) -> bool:
    varied = columns[:, columns.std(dim=0, unbiased=False) > 0]
    spread = varied.std(dim=0, unbiased=False)
    return (
        varied.numel() > 0
        and _near(varied.mean(dim=0), 0.0)
        and (_near(spread, 1.0) or _near(varied.std(dim=0), 1.0))
    )


def _is_squeezed(columns: Tensor) -> bool:
    varied = columns[:, columns.std(dim=0, unbiased=False) > 0]
    if not varied.numel() or len(varied.unique()) <= 2:  # of zeros and ones every split has both
        return False
    return _near(varied.amin(dim=0), 0.0) and _near(varied.amax(dim=0), 1.0)


_SCALINGS: dict[str, Callable[[Tensor], bool]] = {
    "standardised": _is_standardised,
    "squeezed into 0 to 1": _is_squeezed,
}


def _near(values: Tensor, aim: float) -> bool:
    return bool((values - aim).abs().max() < 1e-3)


def _perfect(targets: Tensor, outputs: Any) -> Iterator[tuple[Tensor, Tensor]]:
    """Outputs that say the targets, in the forms that losses know, each with outputs that say the opposite."""
    if not isinstance(outputs, Tensor):
        return
    if targets.is_floating_point() and targets.shape == outputs.shape:
        centred = targets - targets.mean(dim=0)
        yield targets, targets - 2 * centred
        if ((targets == 0) | (targets == 1)).all():
            logits = BIG * (2 * targets - 1)
            yield logits, -logits
    if not targets.is_floating_point() and outputs.ndim == targets.ndim + 1:
        logits = BIG * nn.functional.one_hot(targets, outputs.shape[-1]).to(outputs)
        yield logits, -logits


def _network(problem: Problem, mode: Mode) -> Network:
    """In float64, so that a difference quotient says something."""
    module = private_copy(problem.module).double()
    inputs = problem.train.inputs
    space = ParameterSpace(module, problem.bounds)
    targets = problem.train.targets
    return make_network(
        module,
        mapped(inputs, lambda part: part.double() if part.is_floating_point() else part),
        targets.double() if targets.is_floating_point() else targets,
        problem.loss,
        space,
        mode=checked_mode(mode),
    )


def _wrong_slope(network: Network, gradient: Tensor) -> str:
    """How the gradient differs from a difference quotient, in most of some random directions; "" where it does not."""
    theta, rng = network.space.read(network.module), Generator().manual_seed(SEED)
    directions = torch.randn(9, len(theta), generator=rng, dtype=theta.dtype)
    step = 1e-6
    ahead, behind = (network.losses(theta + sign * step * directions) for sign in (1, -1))
    slopes, expected = (ahead - behind) / (2 * step), directions @ gradient
    scale = float(expected.abs().max()) + 1e-9
    wrong = (slopes - expected).abs() > 1e-3 * scale
    if int(wrong.sum()) <= len(wrong) // 2:  # a kink may lie in the way of one or the other
        return ""
    first = int(wrong.int().argmax())
    is_, was = float(slopes[first]), float(expected[first])
    return f"along a random direction it is {was:.3g} where the loss changes by {is_:.3g}"


CHECKS = (
    problem_is_deterministic,
    data_do_not_depend_on_the_seed,
    each_run_gets_its_own_data,
    splits_are_disjoint,
    nothing_leaks_between_splits,
    metric_is_sane,
    metric_takes_any_outputs,
    says_truly_whether_it_has_a_gradient,
    task_describes_itself,
    making_it_leaves_the_process_alone,
)
