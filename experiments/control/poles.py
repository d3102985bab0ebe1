"""After how many evaluations population learners balance poles: `python experiments/control/poles.py TASK LEARNER...`.

All starts of a learner live through their episodes together, so that ten cost little more than one. A learner that is
in evaluations.csv is not run again. An evaluation is one candidate, however long its episodes last.
"""

from __future__ import annotations

import csv
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Generator, Tensor, nn

from nogd import AskTell, Objective, ParameterSpace, Policies, SimulatorTask, State
from nogd.engine.accounts.meter import Limit
from nogd.engine.policies import PolicyNetwork
from nogd.engine.simulation import Simulation
from nogd.plugins.manager import Plugins
from nogd.training.names import build

FILE = Path(__file__).with_name("evaluations.csv")
STARTS = 10
LONG = 10_000


@dataclass(frozen=True)
class Trial:
    """A task, evaluations at most, the return that ends a run; units if not the task's, whether they have biases."""

    task: str
    budget: int
    solved: float
    width: int | None = None
    biases: bool = True


TRIALS = {
    "cart-pole": Trial("cart-pole", 1_000, 475.0),
    "double-pole": Trial("double-pole", 10_000, 1_000.0),
    "double-pole-no-velocity": Trial("double-pole-no-velocity", 10_000, 1_000.0),
    # The networks of Igel 2003: 6 hidden tanh units; 3 and the output, all of which see each other.
    "igel-double-pole": Trial("double-pole", 10_000, 1_000.0, width=6, biases=False),
    "igel-double-pole-no-velocity": Trial("double-pole-no-velocity", 10_000, 1_000.0, biases=False),
}


@dataclass
class Run:
    """One start: its own objective, as learners ask it for what is left, a state, and what was spent and found."""

    objective: Objective
    state: State
    room: int
    solution: Tensor | None = None


class World:
    """A task's world, where policies of all starts act at once; all calls have the same episodes."""

    def __init__(self, name: str) -> None:
        self.trial = TRIALS[name]
        settings = {"width": self.trial.width} if self.trial.width else {}
        self.task: SimulatorTask = Plugins().tasks.find(self.trial.task).load()(noisy=False, **settings)

    def begin(self, learner: AskTell, number: int) -> Run:
        """The start of that number, with a random stream of its own."""
        problem = self.task.problem(number)
        if not self.trial.biases:
            _remove_biases(problem.module)
        space = ParameterSpace(problem.module, problem.bounds)
        self.network, self.seeds = PolicyNetwork(problem.module, space), problem.simulator.measured_on()
        objective, theta = (
            Objective(Simulation(problem.module, space, problem.simulator)),
            space.read(problem.module),
        )
        objective.begin(theta, Limit(forwards=self.trial.budget), None, None, number)
        state = learner.init(objective, theta.clone(), Generator().manual_seed(number))
        return Run(objective, state, self.trial.budget)

    @torch.no_grad()
    def returns(self, thetas: Tensor, use: str, task: SimulatorTask | None = None) -> Tensor:
        """Mean returns `[P]` of thetas `[P, D]` on the fixed episodes of that use."""
        return (task or self.task).rollout(Policies(self.network, thetas), self.seeds[use]).mean(1)


def _remove_biases(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            layer.bias = None


def generation(world: World, learner: AskTell, runs: list[Run]) -> None:
    """One step of each run, all of whose candidates are scored together."""
    asked = []
    for run in runs:
        run.state.room = run.room
        asked.append(learner.ask(run.state))
    thetas = [candidates.dense() for candidates in asked]
    returns = world.returns(torch.cat(thetas), "train").split([len(each) for each in thetas])
    for run, candidates, own, found in zip(runs, asked, thetas, returns, strict=True):
        good = (found >= world.trial.solved).nonzero()
        if len(good):  # the first one in the order of a generation
            run.solution = own[int(good[0])]
            run.room -= int(good[0]) + 1
            continue
        run.room -= len(own)
        learner.tell(run.state, candidates, -found.to(own.dtype))


def compared(name: str, text: str) -> list[dict[str, object]]:
    """A row for each start of a learner."""
    world, learner, began = World(name), build(text), time.perf_counter()
    if not isinstance(learner, AskTell):
        raise SystemExit(f"{text} does not ask for candidates; choose one of nogd-evolution.")
    runs = [world.begin(learner, number) for number in range(STARTS)]
    while going := [run for run in runs if run.solution is None and run.room > 0 and not run.state.finished]:
        generation(world, learner, going)
    seconds = time.perf_counter() - began
    solutions = [run.solution for run in runs if run.solution is not None]
    judged = iter(judge(world, torch.stack(solutions)) if solutions else [])
    return [
        {
            "task": name, "learner": text, "start": number, "solved": run.solution is not None,
            "evaluations": world.trial.budget - run.room, "judged": next(judged) if run.solution is not None else "",
            "seconds_of_all": round(seconds, 1),
        }
        for number, run in enumerate(runs)
    ]  # fmt: skip


def judge(world: World, thetas: Tensor) -> list[float]:
    """What solutions return where no search saw them: in held-out episodes, or, of two poles, in 10,000 steps."""
    if world.task.name == "cart-pole":
        return world.returns(thetas, "test").tolist()
    longer = type(
        f"Long{type(world.task).__name__}", (type(world.task),), {"steps": LONG, "__module__": __name__}
    )
    return world.returns(thetas, "train", longer(**world.task.model_dump(exclude_unset=True))).tolist()


def main() -> None:
    """Append the rows of learners that are not there yet."""
    name, *learners = sys.argv[1:]
    rows = list(csv.DictReader(FILE.open(encoding="utf-8"))) if FILE.is_file() else []
    known = {(row["task"], row["learner"]) for row in rows}
    for text in learners:
        if (name, text) in known:
            continue
        found = compared(name, text)
        with FILE.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, found[0], lineterminator="\n")
            if not rows:
                writer.writeheader()
            writer.writerows(found)
        rows += found
        print(
            text, [row["evaluations"] if row["solved"] else "-" for row in found], found[0]["seconds_of_all"]
        )


if __name__ == "__main__":
    main()
