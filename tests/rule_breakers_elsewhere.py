"""Tasks, figures and executors that break exactly one of nogd's rules each."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import ClassVar

import matplotlib as mpl
import numpy as np
import torch
from matplotlib import pyplot as plt
from pandas import DataFrame
from sklearn.metrics import r2_score
from torch import Tensor, nn

from nogd import (
    Dataset,
    Lazy,
    Metric,
    Policies,
    Problem,
    SimulatorTask,
    Split,
    SupervisedTask,
    Task,
    hookimpl,
    uniform,
)
from nogd.bench.events import Executor, Finished, Pointed, Saved, Started
from nogd.bench.perform import Listener, perform
from nogd.report.drawing.canvas import new_canvas
from nogd.report.figure import Drawn, Figure

# -- tasks


class Ramp(Dataset):
    """Points of the plane and the sum of their coordinates."""

    name: ClassVar[str] = "ramp"

    def load(self) -> tuple[Tensor, Tensor]:
        inputs = 3 + 2 * torch.randn(50, 2, generator=torch.Generator().manual_seed(1))
        return inputs, inputs.sum(1, keepdim=True)


class GoodTask(SupervisedTask):
    """Add two numbers."""

    name: ClassVar[str] = "add"
    why: ClassVar[str] = "An example."
    dataset: ClassVar[type[Dataset]] = Ramp
    loss: ClassVar[str] = "mse"
    metric: ClassVar[str] = "r2"

    def network(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))


class Wrapped(Task):
    """Add two numbers, by hand: base of those that change something in the problem."""

    name: ClassVar[str] = "wrapped"
    why: ClassVar[str] = "An example."

    def problem(self, seed: int) -> Problem:
        return self.changed(GoodTask().problem(seed), seed)

    def changed(self, problem: Problem, seed: int) -> Problem:
        return problem

    def describe(self) -> dict[str, object]:
        return {"name": self.name}


class Drifting(Wrapped):
    """Draws data from torch's own generator."""

    breaks: ClassVar[str] = "problem-is-deterministic"

    def changed(self, problem, seed):
        problem.train.inputs.add_(torch.randn(2))
        return problem


class Reseeding(Wrapped):
    """Draws data from the seed."""

    breaks: ClassVar[str] = "data-do-not-depend-on-the-seed"

    def changed(self, problem, seed):
        problem.train.inputs.add_(torch.randn(2, generator=torch.Generator().manual_seed(seed)))
        return problem


class Sharing(Wrapped):
    """Hands out the same tensors again and again."""

    breaks: ClassVar[str] = "each-run-gets-its-own-data"
    kept: ClassVar[list[Split]] = []

    def changed(self, problem, seed):
        if not self.kept:
            self.kept.append(problem.train)
        return replace(problem, train=self.kept[0])


class Overlapping(Wrapped):
    """Tests on some of the training examples."""

    breaks: ClassVar[str] = "splits-are-disjoint"

    def changed(self, problem, seed):
        test = Split(problem.train.inputs[:8].clone(), problem.train.targets[:8].clone())
        return replace(problem, test=test)


def _parts(inputs: Tensor, targets: Tensor) -> dict[str, Split]:
    places = {"train": slice(0, 30), "validation": slice(30, 40), "test": slice(40, 50)}
    return {name: Split(inputs[place].clone(), targets[place].clone()) for name, place in places.items()}


class Leaking(Wrapped):
    """Standardises by all data."""

    breaks: ClassVar[str] = "nothing-leaks-between-splits"

    def changed(self, problem, seed):
        inputs, targets = Ramp().load()
        return replace(problem, **_parts((inputs - inputs.mean(0)) / inputs.std(0), targets))


class Squeezing(Wrapped):
    """Brings all data into 0 to 1, by all data."""

    breaks: ClassVar[str] = "nothing-leaks-between-splits"

    def changed(self, problem, seed):
        inputs, targets = Ramp().load()
        order = inputs[:, 0].argsort()  # the greatest and the smallest ones are not both in the training data
        low, high = inputs.amin(0), inputs.amax(0)
        return replace(problem, **_parts(((inputs - low) / (high - low))[order], targets[order]))


class Slicing(Wrapped):
    """Hands out pieces of one tensor."""

    breaks: ClassVar[str] = "nothing-leaks-between-splits"

    def changed(self, problem, seed):
        inputs, targets = (torch.cat([a, b]) for a, b in zip(
            (problem.train.inputs, problem.train.targets), (problem.test.inputs, problem.test.targets), strict=True
        ))  # fmt: skip
        size = len(problem.train)
        pieces = Split(inputs[:size], targets[:size]), Split(inputs[size:], targets[size:])
        return replace(problem, train=pieces[0], test=pieces[1])


class Backwards(Wrapped):
    """Says that a greater error is better."""

    breaks: ClassVar[str] = "metric-is-sane"

    def changed(self, problem, seed):
        return replace(problem, metric=Metric("error", nn.functional.mse_loss, greater_is_better=True))


class Blind(Wrapped):
    """Scores whatever it sees alike."""

    breaks: ClassVar[str] = "metric-is-sane"

    def changed(self, problem, seed):
        return replace(problem, metric=Metric("nothing", lambda _outputs, _targets: 0.5, True))


class Overwriting(Wrapped):
    """Works in the targets' own memory."""

    breaks: ClassVar[str] = "metric-takes-any-outputs"

    def changed(self, problem, seed):
        return replace(problem, metric=Metric("off", lambda o, t: t.sub_(o).abs().mean(), False))


class Fragile(Wrapped):
    """Raises where outputs are not finite, as scikit-learn does."""

    breaks: ClassVar[str] = "metric-takes-any-outputs"
    raises: ClassVar[bool] = True

    def changed(self, problem, seed):
        return replace(problem, metric=Metric("r2", lambda o, t: r2_score(t, o), True))


class Flat(GoodTask):
    """Says that there is a gradient where there is none."""

    breaks: ClassVar[str] = "says-truly-whether-it-has-a-gradient"
    loss: ClassVar[object] = staticmethod(lambda outputs, targets: (outputs - targets).round().abs().mean())


class Modest(GoodTask):
    """Says that there is no gradient where there is one."""

    breaks: ClassVar[str] = "says-truly-whether-it-has-a-gradient"
    differentiable: ClassVar[bool] = False


class Crooked(GoodTask):
    """Has a gradient that is not the slope of its loss."""

    breaks: ClassVar[str] = "says-truly-whether-it-has-a-gradient"
    loss: ClassVar[object] = staticmethod(
        lambda outputs, targets: (outputs - targets).square().mean() + outputs.detach().square().mean()
    )


class Unexplained(GoodTask):
    """Add two numbers."""

    breaks: ClassVar[str] = "task-describes-itself"
    why: ClassVar[str] = ""


class Untold(GoodTask):
    breaks: ClassVar[str] = "task-describes-itself"


class Gaps(Ramp):
    """The points, some of whose coordinates are missing."""

    name: ClassVar[str] = "gaps"

    def load(self) -> tuple[Tensor, Tensor]:
        inputs, targets = super().load()
        return torch.where(torch.arange(50)[:, None] % 7 == 3, torch.nan, inputs), targets

    def fit(self, train: Split):
        middle = train.inputs.nanmedian(dim=0).values
        return lambda inputs: torch.where(inputs.isnan(), middle, inputs)


class Filled(GoodTask):
    """Fills gaps by what training examples have there."""

    dataset: ClassVar[type[Dataset]] = Gaps


class Centring(Gaps):
    name: ClassVar[str] = "centring"

    def fit(self, train: Split):
        return lambda inputs: inputs.nan_to_num() - inputs.nanmean(dim=0)


class Refitting(GoodTask):
    """Brings each split to mean 0 by itself."""

    breaks: ClassVar[str] = "transform-learns-nothing"
    dataset: ClassVar[type[Dataset]] = Centring


class Mistagged(GoodTask):
    """Is listed with other tags than it has."""

    breaks: ClassVar[str] = "lists-say-the-tags-of-the-class"
    name: ClassVar[str] = "mistagged"
    tags: ClassVar[frozenset[str]] = frozenset({"easy"})


@hookimpl
def nogd_tasks():
    return [Lazy("mistagged", "rule_breakers_elsewhere:Mistagged", tags=("hard",))]


class Listed(GoodTask):
    """Has a setting that no two equal tasks agree on."""

    breaks: ClassVar[str] = "settings-are-read-back"
    sizes: list[int] = [3]  # noqa: RUF012  # pydantic copies it


class Renamed(GoodTask):
    """Has a setting that text cannot hold."""

    breaks: ClassVar[str] = "settings-are-read-back"
    names: bytes = b"\xff"


class Seeding(GoodTask):
    """Seeds torch's own generator."""

    breaks: ClassVar[str] = "making-it-leaves-the-process-alone"

    def network(self) -> nn.Module:
        np.random.seed(3)  # noqa: NPY002  # the global generator is what is meddled with
        return super().network()


class Reach(SimulatorTask):
    """Say where each episode began."""

    name: ClassVar[str] = "reach"
    why: ClassVar[str] = "An example."

    def network(self) -> nn.Module:
        return nn.Linear(2, 2)

    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        seen = uniform(seeds, 2).expand(policies.count, -1, -1).to(policies.dtype)
        return -(policies(seen) - seen).square().sum(-1)


class Windy(Reach):
    """Draws a wind from torch's own generator."""

    breaks: ClassVar[str] = "same-episodes-give-same-returns"

    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        return super().rollout(policies, seeds) + torch.randn(policies.count, len(seeds))


class Crowded(Reach):
    """Rewards who does better than the others that are scored with it."""

    breaks: ClassVar[str] = "all-candidates-see-the-same-episodes"

    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        returns = super().rollout(policies, seeds)
        return returns - returns.mean(0) if policies.count > 1 else returns


class Crammed(Reach):
    """Lets an episode's length depend on its place among the others."""

    breaks: ClassVar[str] = "all-candidates-see-the-same-episodes"

    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        return super().rollout(policies, seeds) * (1 + torch.arange(len(seeds)))


class Calm(Reach):
    """Says that it is noisy, and begins each episode alike."""

    breaks: ClassVar[str] = "noise-is-declared"

    def rollout(self, policies: Policies, seeds: Tensor) -> Tensor:
        return super().rollout(policies, torch.ones_like(seeds))


TASKS = (
    Drifting, Reseeding, Sharing, Overlapping, Leaking, Squeezing, Slicing, Backwards, Blind, Overwriting,
    Fragile, Flat, Modest, Crooked, Unexplained, Untold, Refitting, Windy, Crowded, Crammed, Calm, Mistagged, Listed,
    Renamed, Seeding,
)  # fmt: skip

# -- figures


def draw(comparison) -> Drawn | None:
    """The mean loss of every learner as bars."""
    data = comparison.runs.groupby("learner", as_index=False)["loss"].mean().dropna()
    if data.empty:
        return None
    canvas = new_canvas(2.0)
    canvas.subplots().barh([str(name) for name in data["learner"]], data["loss"])
    return Drawn(canvas, data, "The mean loss of every learner.")


GOOD_FIGURE = Figure(
    "bars", "Bars", ("Longer is worse.", "One bar per learner."), draw, summary="mean losses"
)


def _in_place(comparison):
    drawn = draw(comparison)
    comparison.runs["loss"] = 0.0
    return drawn


def _at_random(comparison):
    data = DataFrame({"draw": np.random.random(3)})  # noqa: NPY002  # the very mistake that is meant
    return Drawn(None, data, "Three numbers.")


def _fragile(comparison):
    if not (comparison.runs["status"] == "budget").any():
        raise IndexError("no run went well")
    return draw(comparison)


def _without_numbers(comparison):
    return Drawn(None, comparison.runs[["learner"]].head(0), "Nothing.")


def _twice(comparison):
    drawn = draw(comparison)
    return drawn and [drawn, drawn]


def _speechless(comparison):
    drawn = draw(comparison)
    return drawn and replace(drawn, alt="")


def _with_pyplot(comparison):
    plt.figure()
    return draw(comparison)


def _with_settings(comparison):
    mpl.rcParams["font.size"] = 31
    return draw(comparison)


FIGURES = [
    ("figure-changes-nothing", replace(GOOD_FIGURE, draw=_in_place)),
    ("figure-repeats-itself", replace(GOOD_FIGURE, draw=_at_random)),
    ("figure-survives-hard-results", replace(GOOD_FIGURE, draw=_fragile)),
    ("figure-gives-drawings-with-their-numbers", replace(GOOD_FIGURE, draw=_without_numbers)),
    ("figure-gives-drawings-with-their-numbers", replace(GOOD_FIGURE, draw=_twice)),
    ("figure-explains-itself", replace(GOOD_FIGURE, draw=_speechless)),
    ("figure-explains-itself", replace(GOOD_FIGURE, reading=("Longer is worse.", ""))),
    ("figure-explains-itself", replace(GOOD_FIGURE, summary="")),
    ("figure-leaves-the-process-alone", replace(GOOD_FIGURE, draw=_with_pyplot)),
    ("figure-leaves-the-process-alone", replace(GOOD_FIGURE, draw=_with_settings)),
]

# -- executors


class Plain(Executor):
    """One cell after the other in this process; base of those that do it wrongly."""

    name: ClassVar[str] = "plain"

    def run(self, jobs, tell):
        for job in jobs:
            if job is not None:
                self.begin(job, tell)

    def begin(self, job, tell):
        tell(Started(job.cell))
        listener = Listener(
            lambda point: tell(Pointed(job.cell, point)), lambda state: tell(Saved(job.cell, state))
        )
        self.end(job, perform(job, listener), tell)

    def end(self, job, record, tell):
        tell(Finished(job.cell, record))


class Twice(Plain):
    """Tells the end twice."""

    breaks: ClassVar[str] = "every-job-finishes-once"

    def end(self, job, record, tell):
        tell(Finished(job.cell, record))
        tell(Finished(job.cell, record))


class Careless(Plain):
    """Changes the result."""

    breaks: ClassVar[str] = "results-are-those-of-this-process"

    def end(self, job, record, tell):
        theta = None if record.theta is None else record.theta.round(3)
        tell(Finished(job.cell, replace(record, theta=theta)))


class Homeless(Plain):
    """Forgets where it ran."""

    breaks: ClassVar[str] = "results-are-those-of-this-process"

    def end(self, job, record, tell):
        tell(Finished(job.cell, replace(record, row=record.row | {"host": None})))


class Hiding(Plain):
    """Tells that all went well."""

    breaks: ClassVar[str] = "a-failing-cell-costs-itself-only"

    def end(self, job, record, tell):
        tell(Finished(job.cell, replace(record, row=record.row | {"status": "budget"})))


class Impatient(Plain):
    """Ends where no job can start."""

    breaks: ClassVar[str] = "waits-where-no-job-can-start"

    def run(self, jobs, tell):
        for job in jobs:
            if job is None:
                break
            self.begin(job, tell)


class Greedy(Plain):
    """Takes all jobs at once."""

    breaks: ClassVar[str] = "takes-a-job-when-it-can-start"

    def run(self, jobs, tell):
        super().run(iter(list(jobs)), tell)


class Threaded(Plain):
    """Tells from a thread of its own."""

    breaks: ClassVar[str] = "tells-in-the-callers-thread"

    def end(self, job, record, tell):
        thread = threading.Thread(target=tell, args=(Finished(job.cell, record),))
        thread.start()
        thread.join()


class Lingering(Plain):
    """Leaves a thread behind."""

    breaks: ClassVar[str] = "nothing-is-alive-afterwards"
    over: ClassVar[threading.Event] = threading.Event()

    def run(self, jobs, tell):
        threading.Thread(target=self.over.wait, args=(20,)).start()
        super().run(jobs, tell)


class Deaf(Plain):
    """Swallows Ctrl-C."""

    breaks: ClassVar[str] = "nothing-is-alive-afterwards"

    def begin(self, job, tell):
        try:
            super().begin(job, tell)
        except KeyboardInterrupt:
            return


class Forgetting(Plain):
    """Begins every cell anew."""

    breaks: ClassVar[str] = "interrupted-cells-go-on"

    def begin(self, job, tell):
        super().begin(replace(job, checkpoint=None), tell)


class Mute(Plain):
    breaks: ClassVar[str] = "executor-describes-itself"


EXECUTORS = (
    Twice,
    Careless,
    Homeless,
    Hiding,
    Impatient,
    Greedy,
    Threaded,
    Lingering,
    Deaf,
    Forgetting,
    Mute,
)
