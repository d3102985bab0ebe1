"""Draw how many faults of each kind struck: `python figure.py`, from chaos.csv to faults.svg."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import seaborn as sns
from tally import counts, read

HERE = Path(__file__).parent


def main() -> None:
    """One bar for each kind of fault, the most frequent on top."""
    lives = read(HERE / "chaos.csv")
    found = counts(lives).most_common()
    harm = sum(len(life.harm) for life in lives)
    minutes = sum(life.seconds for life in lives) / 60
    plt.rcParams["svg.hashsalt"] = "chaos"
    sns.set_theme(style="whitegrid")
    figure, axes = plt.subplots(figsize=(7, 0.3 * len(found) + 1.2), layout="constrained")
    sns.barplot(x=[count for _, count in found], y=[name for name, _ in found], color="#4c72b0", ax=axes)
    axes.set(
        xlabel="times",
        title=f"{sum(count for _, count in found)} faults in {minutes:.0f} minutes: {harm} did harm",
    )
    figure.savefig(HERE / "faults.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
