"""Augmented random search on Swimmer-v5, an episode a call: `python experiments/control/swimmer.py START...`.

Needs nogd-gymnasium with mujoco, and nogd-evolution. Each start is written to swimmer.csv when it has ended, and one
that is there is not run again.
"""

from __future__ import annotations

import csv
import sys
import time
from pathlib import Path

import torch
from nogd_gymnasium.actions import actions_of
from nogd_gymnasium.environments import made, observed
from nogd_gymnasium.standardised import Standardised, seen_at_random
from torch import nn

import nogd

FILE = Path(__file__).with_name("swimmer.csv")
ENVIRONMENT, EPISODES, HELD_OUT = "Swimmer-v5", 300, 5
# Of the paper's grid: one direction a step. Policies are linear and start at zero.
LEARNER = "ars,population=2,sigma=0.02,lr=0.02"


class Swimmer:
    """One environment, and how many episodes have been played in it."""

    def __init__(self, seed: int) -> None:
        self.env, self.seed, self.played = made(ENVIRONMENT), seed, 0
        self.actions = actions_of(self.env.action_space, ENVIRONMENT)

    def policy(self) -> nn.Module:
        """A linear policy without a bias, behind fixed means and deviations."""
        layer = nn.Linear(self.env.observation_space.shape[0], self.actions.outputs, bias=False)
        nn.init.zeros_(layer.weight)
        return nn.Sequential(Standardised(seen_at_random(self.env, 1_000)), layer)

    def returned(self, policy: nn.Module, seed: int) -> float:
        """The sum of rewards of one episode."""
        seen, total, over = self.env.reset(seed=seed)[0], 0.0, False
        while not over:
            with torch.no_grad():
                outputs = policy(torch.from_numpy(observed(self.env, seen)).float()[None])[0]
            seen, reward, terminated, truncated, _ = self.env.step(self.actions(outputs.double().numpy()))
            total, over = total + float(reward), terminated or truncated
        return total

    def score(self, policy: nn.Module) -> float:
        """Lower is better, in an episode that no call has had before."""
        self.played += 1
        return -self.returned(policy, 1_000_000 * (self.seed + 1) + self.played)


def trained(start: int) -> dict[str, object]:
    """The row of one start: the best return of a call, and the mean of held-out episodes at the end."""
    world, began = Swimmer(start), time.perf_counter()
    policy = world.policy()
    run = nogd.minimize(policy, world.score, learner=LEARNER, budget=EPISODES, seed=start, progress=False)
    held_out = [world.returned(policy, seed) for seed in range(HELD_OUT)]
    return {
        "environment": ENVIRONMENT, "learner": LEARNER, "start": start, "episodes": world.played,
        "status": run.status, "best_of_a_call": round(-float(run.curve["loss"].min()), 2),
        "held_out": round(sum(held_out) / HELD_OUT, 2), "seconds": round(time.perf_counter() - began),
    }  # fmt: skip


def main() -> None:
    """Append the rows of starts that are not there yet."""
    rows = list(csv.DictReader(FILE.open(encoding="utf-8"))) if FILE.is_file() else []
    for start in map(int, sys.argv[1:]):
        if str(start) in {row["start"] for row in rows}:
            continue
        row = trained(start)
        print(row, flush=True)
        with FILE.open("a", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, row, lineterminator="\n")
            if not rows:
                writer.writeheader()
            writer.writerow(row)
        rows.append({name: str(value) for name, value in row.items()})


if __name__ == "__main__":
    main()
