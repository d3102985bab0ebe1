"""What the harness asks of an objective: to begin a run, to measure, to save and go on; closed to learners."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from nogd.engine.accounts.meter import Limit
from nogd.engine.accounts.till import Recording, Till
from nogd.engine.accounts.trace import Trace
from nogd.engine.inputs.shown import Shown
from nogd.engine.network import Network
from nogd.engine.outputs_and_layers import Scorer
from nogd.engine.sharing import Exchange, Sharing
from nogd.engine.space import ParameterSpace
from nogd.engine.state import State
from nogd.engine.stream import Stream
from nogd.engine.walks.walking import Walk
from nogd.errors import LearnerError


class RunSide:
    """The part of an objective that is for whoever runs a learner; while one is at work, most of it is refused."""

    space: ParameterSpace
    _scorer: Scorer
    _till: Till
    _walk: Walk | None
    _standing: Tensor | None
    _shown: Shown | None
    _sharing: Sharing | None
    _gradient_seen: bool
    _features: frozenset[str]

    @property
    def trace(self) -> Trace:
        """Every improvement of the best loss; for the record alone. Raises LearnerError while a learner is at work."""
        self._refuse_learners("trace")
        return self._till.trace

    def measure(self, theta: Tensor) -> dict[str, float]:
        """The training loss of theta as its user will have it; counts nothing, as it is for the record alone.

        A black box is not called: its loss is the last score, or NaN if there is none.

        :param theta: `[D]`.
        :raises LearnerError: while a learner is at work.
        """
        self._refuse_learners("measure")
        return {"loss": self._scorer.measured(theta)}

    def write(self, theta: Tensor, module: nn.Module) -> None:
        """Write theta into a module, with the running statistics that belong to it.

        :param theta: `[D]`.
        :param module: one of the same structure as the module that is trained; changed in place.
        :raises LearnerError: while a learner is at work.
        """
        self._refuse_learners("write")
        self.space.write(theta, module)
        buffers = dict(module.named_buffers(remove_duplicate=False))
        for name, values in self._scorer.statistics(theta).items():
            buffers[name].copy_(values)

    def warm_up(self, theta: Tensor) -> None:
        """Do once, before the clock starts, what costs more the first time; counts nothing, so a black box has none.

        Raises LearnerError while a learner is at work.
        """
        self._refuse_learners("warm_up")
        if not isinstance(self._scorer, Network | Stream):
            return
        self._scorer.losses(theta[None])
        if "gradient" in self._features:
            self._scorer.gradient(theta, None)

    def begin(
        self, start: Tensor, limit: Limit, recorder: Recording | None, target: float | None, seed: int = 0
    ) -> Till:
        """Make ready for one run from `start` `[D]`; whoever runs it keeps the till. Raises LearnerError during one.

        seed: what masks are drawn by in train mode.
        """
        self._refuse_learners("begin")
        self._walk = self._standing = None
        self._shown = None
        if isinstance(self._scorer, Network):
            self._shown = Shown(self._scorer)
        self._till.begin(start, limit, recorder, target, seed)
        return self._till

    def share(self, exchange: Exchange) -> Sharing:
        """From now on score a share of the candidates of a call, where they can be shared; the others do the rest.

        All shards have to do the same run: the learner, the seed, and what the budget counts but seconds.

        :param exchange: how to reach them.
        :returns: what was shared.
        :raises LearnerError: while a learner is at work.
        """
        self._refuse_learners("share")
        self._sharing = Sharing(exchange)
        return self._sharing

    def follow(self, state: State) -> None:
        """From now on `state.theta` is the recommendation."""
        self._till.follow(state)

    @property
    def written_into(self) -> str | None:
        """Which of the training data were written into since the run began, if any."""
        return None if self._shown is None else self._shown.written_into()

    @property
    def recommendation(self) -> Tensor:
        """What the learner recommends at this moment, `[D]`."""
        return self._till.recommendation

    @property
    def state(self) -> State | None:
        """The state that is trained now; None while a learner initialises."""
        return self._till.state

    @property
    def phase(self) -> int:
        """Number of the learner's phase."""
        return self._till.phase

    def save(self) -> dict[str, Any]:
        """What a resumed run needs of the objective; taken between steps."""
        return self._till.save() | {"walk": self._standing_at(), "gradient_seen": self._gradient_seen}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on from what `save` gave. A walk that was live is rebuilt without being paid again."""
        self._refuse_learners("restore")
        self._till.restore(saved)
        self._standing, self._gradient_seen = saved["walk"], saved["gradient_seen"]

    def __getstate__(self) -> dict[str, Any]:
        """A copy walks by a walk of its own, which begins where this one stands.

        Raises LearnerError while a learner is at work, as a copy has a meter of its own, which nobody looks at.
        """
        self._refuse_learners("a copy of the objective")
        return self.__dict__ | {"_walk": None, "_standing": self._standing_at()}

    def _standing_at(self) -> Tensor | None:
        """Where the present walk stands, for which a walk need not be paid again."""
        if self._walk is None:
            return self._standing
        return self._walk.theta if self._walk.is_live else None

    def _refuse_learners(self, what: str) -> None:
        if not self._till.is_measured:
            raise LearnerError(
                f"{what if ' ' in what else f'objective.{what}'} is for the record alone, and no learner may use it;"
                " call objective.losses, which counts."
            )
