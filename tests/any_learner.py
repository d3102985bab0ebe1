"""Learners with any settings, alone and within one another, for tests of what is written and read; a plugin besides."""

from __future__ import annotations

from typing import ClassVar, Literal

from hypothesis import strategies as st
from pydantic import Field

import nogd
from nogd import hookimpl
from nogd.learners.adam import Adam
from nogd.learners.grid_search import GridSearch
from nogd.learners.hybrid import Hybrid
from nogd.plugins.manager import plugins
from nogd.training.names import InnerLearner


class Wordy(nogd.Learner):
    """Takes words, and a learner that need not be there."""

    name: ClassVar[str] = "test-wordy"
    mode: Literal["none", "half", "true"] = "half"
    note: str | None = "x"
    pair: tuple[float, str] = (0.0, "")
    table: dict[str, int] = Field(default_factory=dict)
    inner: InnerLearner | None = None

    def init(self, objective, theta, rng):
        return nogd.State(theta=theta)

    def step(self, objective, state):
        state.finished = "nothing to do"


@hookimpl
def nogd_learners():
    return [Wordy]


KNOWN = [*(entry.load() for entry in plugins().learners), Wordy]
PLAIN = st.sampled_from([kind() for kind in KNOWN])
TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ["none", "None", "null", "a,b=c", "a+b", "(", "'", "it's", "true", "1e3", "x; y)", " ", "\\", "[1]"]
)
WORDY = st.builds(
    Wordy,
    mode=st.sampled_from(["none", "half", "true"]),
    note=st.none() | TEXTS,
    pair=st.tuples(st.floats(allow_nan=False), TEXTS),
    table=st.dictionaries(TEXTS, st.integers(), max_size=2),
    inner=st.none() | PLAIN,
)
SIMPLE = (
    PLAIN
    | WORDY
    | st.builds(
        Adam, lr=st.floats(1e-12, 1e12), rows=st.none() | st.integers(1, 10**6), plateau=st.booleans()
    )
    | st.builds(GridSearch, points=st.integers(2, 999))
)


def _composed(inner):
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    shared = several.flatmap(
        lambda parts: st.lists(st.floats(1e-3, 1e6), min_size=len(parts), max_size=len(parts)).map(
            lambda shares: nogd.Sequence(parts=parts, shares=tuple(shares))
        )
    )
    hybrids = st.builds(Hybrid, first=inner, second=inner, split=st.floats(0.01, 0.99))
    restarts = st.builds(
        nogd.Restarts, inner=inner, scheme=st.sampled_from(["ipop", "bipop"]), growth=st.floats(1, 9)
    )
    return hybrids | restarts | shared | several.map(lambda parts: nogd.Sequence(parts=parts))


LEARNERS = st.recursive(SIMPLE, _composed, max_leaves=5)
