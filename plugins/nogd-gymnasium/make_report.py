"""Draw the README's pictures, with mujoco, nogd-evolution and pygame-ce installed; what is done is not done again.

Without a screen: `MUJOCO_GL=egl python make_report.py`.
"""

from __future__ import annotations

from pathlib import Path

import nogd_gymnasium

import nogd
from nogd.bench.stored_policy import stored_policy

HERE, RUNS = Path(__file__).parent, Path("nogd-runs")
ENVIRONMENT = "InvertedPendulum-v5"
TASK = f"gymnasium,env={ENVIRONMENT},steps=100,depth=0,episodes=8,zero=23.3,one=100"
LEARNERS = ["cma-es,sigma=0.5", "snes,sigma=0.5", "ars,sigma=0.2", "random-search"]


def main() -> None:
    """Compare learners, keep the picture, and film the best policy."""
    results = nogd.run(learners=LEARNERS, tasks=[TASK], repetitions=3, budget={"forwards": 200}, out=RUNS)
    print(results)
    (name,) = [name for name in results.figures() if name.startswith("learning-curves-")]
    results.figures()[name].savefig(HERE / "learning-curves.svg", metadata={"Date": None})
    best = results.runs.sort_values("loss").iloc[0]["id"]
    policy = stored_policy(RUNS, best).network
    print(nogd_gymnasium.film(policy, ENVIRONMENT, HERE / "film.gif", steps=100, width=240))


if __name__ == "__main__":
    main()
