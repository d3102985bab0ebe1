"""The columns of runs, curves and traces: their names, types and meanings, told once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict, cast, get_args, get_type_hints

Text = str | None
Whole = int | None
Real = float | None


class RunRow(TypedDict, total=False):
    """A run, as a row of the store's table `runs`; a figure that is not known is missing or None."""

    id: Annotated[str, "hash of everything that decides the result"]
    # text
    learner: Annotated[Text, "what tables call the learner: its label, or its name with its settings"]
    learner_name: Annotated[Text, "the learner's own name"]
    package: Annotated[Text, "the package that the learner comes from"]
    version: Annotated[Text, "its version, with a checksum where its files may change"]
    hyper: Annotated[Text, "the learner's hyper-parameters, JSON"]
    task: Annotated[Text, "the task, with its settings"]
    task_package: Annotated[Text, "the package that the task comes from, with its version"]
    status: Annotated[Text, "how the run ended"]
    reason: Annotated[Text, "why it ended so, in a sentence"]
    traceback: Annotated[Text, "of an error, the traceback"]
    metric_name: Annotated[Text, "the metric that counts"]
    device: Annotated[Text, "where it was computed"]
    budget: Annotated[Text, "the limits of the run, JSON"]
    started: Annotated[Text, "UTC"]
    finished: Annotated[Text, "UTC"]
    host: Annotated[Text, "the machine that it ran on, or that lost it"]
    access: Annotated[Text, "how closely the learner looked at the network, from losses to gradients"]
    # whole numbers
    task_version: Annotated[Whole, "version of the task"]
    repetition: Annotated[Whole, "number of the starting point and random stream"]
    evaluations: Annotated[Whole, "loss and gradient queries that were paid"]
    gradients: Annotated[Whole, "gradient queries among them"]
    examples: Annotated[Whole, "examples that went through a network"]
    metric_greater: Annotated[Whole, "1 where a greater metric is better"]
    has_split: Annotated[Whole, "1 where there is test data"]
    threads: Annotated[Whole, "threads of the run"]
    session: Annotated[Whole, "the call of nogd run that it was made by"]
    steps: Annotated[Whole, "steps of a simulated environment; None for other tasks"]
    # real numbers
    loss: Annotated[Real, "training loss of the solution"]
    best_loss: Annotated[Real, "the lowest training loss that was scored"]
    metric: Annotated[Real, "metric of the solution on training data"]
    validation_loss: Annotated[Real, "loss of the solution on validation data"]
    validation_metric: Annotated[Real, "metric of the solution on validation data"]
    test_loss: Annotated[Real, "loss of the solution on test data"]
    test_metric: Annotated[Real, "metric of the solution on test data"]
    constant: Annotated[Real, "metric of the best constant predictor"]
    reference: Annotated[Real, "metric of the frozen reference"]
    forwards: Annotated[Real, "passes over the training data that were paid"]
    flops: Annotated[Real, "floating-point operations that were paid"]
    seconds: Annotated[Real, "wall time of the run, without measuring"]
    cpu_seconds: Annotated[Real, "processor time of the run"]
    overhead_seconds: Annotated[Real, "wall time outside of the objective: the learner's own work"]
    measure_seconds: Annotated[Real, "wall time of measuring, not part of seconds"]
    memory_mb: Annotated[Real, "peak memory of the process, megabytes"]
    gradient_cost: Annotated[Real, "forwards that one gradient counts as"]
    start_loss: Annotated[Real, "training loss of the starting point"]


class CurvePoint(TypedDict, total=False):
    """A point of a run's curve: what was spent, and what the recommendation was worth then."""

    forwards: Annotated[float, "passes over the training data"]
    evaluations: Annotated[int, "loss and gradient queries"]
    gradients: Annotated[int, "gradient queries among them"]
    examples: Annotated[int, "examples that went through a network"]
    flops: Annotated[float, "floating-point operations"]
    seconds: Annotated[float, "wall time"]
    iteration: Annotated[int, "the learner's own count"]
    phase: Annotated[int, "of a sequence, the number of the learner at work"]
    loss: Annotated[float, "training loss"]
    metric: Annotated[float, "metric on training data"]
    validation_loss: Annotated[float, "loss on validation data"]
    validation_metric: Annotated[float, "metric on validation data"]
    test_loss: Annotated[float, "loss on test data"]
    test_metric: Annotated[float, "metric on test data"]


class TracePoint(TypedDict):
    """An improvement of the best training loss that was scored, and its cost."""

    evaluations: Annotated[float, "loss and gradient queries"]
    forwards: Annotated[float, "passes over the training data"]
    flops: Annotated[float, "floating-point operations"]
    seconds: Annotated[float, "wall time"]
    loss: Annotated[float, "training loss"]


def meanings(row: type) -> dict[str, str]:
    """What each column of a kind of row means, in order."""
    return {name: get_args(hint)[1] for name, hint in get_type_hints(row, include_extras=True).items()}


def _of(row: type, kind: Any) -> tuple[str, ...]:
    return tuple(name for name, hint in get_type_hints(row).items() if hint == kind)


RUN_COLUMNS = tuple(RunRow.__annotations__)
TEXT, WHOLE, REAL = _of(RunRow, Text), _of(RunRow, Whole), _of(RunRow, Real)
CURVE_COLUMNS = tuple(CurvePoint.__annotations__)
WHOLE_CURVE = _of(CurvePoint, int)
"""Columns of a curve that count, and are known at every point."""
COSTS, WORTHS = CURVE_COLUMNS[:8], CURVE_COLUMNS[8:]
"""Columns of a curve that say what was spent, and what was reached; the first are known at every point."""
TRACE_COLUMNS = tuple(TracePoint.__annotations__)


def run_row(values: Mapping[str, Any]) -> RunRow:
    """Values by column as a row. Raises KeyError for a column that there is not."""
    unknown = values.keys() - set(RUN_COLUMNS)
    if unknown:
        raise KeyError(f"no column of a run is called {sorted(unknown)}")
    return cast(RunRow, dict(values))
