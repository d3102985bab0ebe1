"""Which of several learners no other one beats in both cost and quality."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from nogd.report.numbers.statistics import FloatArray


def on_front(costs: FloatArray, values: FloatArray) -> NDArray[np.bool_]:
    """Whether each is on the Pareto front: nobody is at least as cheap and as good, and better in one of the two.

    costs: lower is better; values: higher is better; both `[learners]`. What is no number is on no front.
    """
    known = np.isfinite(costs) & np.isfinite(values)
    cheaper, better = costs[:, None] <= costs[None], values[:, None] >= values[None]
    strictly = (costs[:, None] < costs[None]) | (values[:, None] > values[None])
    beaten = (cheaper & better & strictly & known[:, None]).any(axis=0)
    return np.asarray(known & ~beaten)
