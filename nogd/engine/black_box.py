"""Score candidates by any callable `score(module) -> float`: a simulator, a piece of hardware, a user's own loop."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from nogd.engine.cost import BLACK_BOX_COST, Cost
from nogd.engine.fork_safe_lock import ForkSafeLock
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting

Score = Callable[[nn.Module], float]

MOST_REMEMBERED = 1 << 16


class BlackBox:
    """A callable that scores the user's own module, one candidate at a time; each score counts one forward.

    What it gave is remembered, so that it is never called for what is known. target: once a score is no higher the run
    is over, and the candidates behind are not scored. noisy: whether one candidate may score differently in two calls;
    nothing is then remembered.
    """

    engine = "black box"
    why = "each candidate is one call of the score"
    stack = None
    examples = 1

    def __init__(
        self, module: nn.Module, space: ParameterSpace, score: Score, *, noisy: bool = False
    ) -> None:
        self.module, self.space, self.score, self.noisy = module, space, score, noisy
        self._lock = ForkSafeLock()  # at the module, which holds one candidate at a time
        self._known: dict[bytes, float] = {}  # the last ones' scores, the latest behind
        self.begin(-math.inf)

    def begin(self, target: float) -> None:
        """Make ready for one run."""
        self._target, self._reached = target, False

    def cost(self) -> Cost:
        """A score costs one forward; there is no gradient."""
        return BLACK_BOX_COST

    def losses(self, thetas: Tensor, rows: Tensor | None = None) -> Tensor:
        """Scores of thetas `[P, D]`, as `[P]`. Raises InvalidSetting if the score does not give a number."""
        losses = torch.full((len(thetas),), math.inf, dtype=thetas.dtype, device=thetas.device)
        for k, theta in enumerate(thetas):
            if self._reached:
                break
            losses[k] = self._score(theta)
            self._remember(theta, float(losses[k]))
        return losses

    def recall(self, theta: Tensor) -> float | None:
        """The score last given for theta `[D]`; None where there is none, or very many others came since."""
        return self._known.get(_key(theta.to(self.space.device, self.space.dtype)))

    def measured(self, theta: Tensor) -> float:
        """The score last given for theta `[D]`, as nothing is called that is not paid for; NaN where there is none."""
        known = self.recall(theta)
        return math.nan if known is None else known

    def statistics(self, theta: Tensor) -> dict[str, Tensor]:
        """The user's own module has the statistics that its score gives it."""
        return {}

    def turn(self, seed: int, call: float) -> None:
        """A score has no masks or episodes of nogd's."""

    def save(self) -> dict[bytes, float]:
        """What `restore` takes."""
        return dict(self._known)

    def restore(self, known: dict[bytes, float]) -> None:
        """Remember what `save` gave."""
        self._known = dict(known)

    def _remember(self, theta: Tensor, loss: float) -> None:
        if self.noisy:
            return
        key = _key(theta)
        self._known.pop(key, None)
        self._known[key] = loss
        if len(self._known) > MOST_REMEMBERED:
            del self._known[next(iter(self._known))]
        self._reached |= loss <= self._target

    def _score(self, theta: Tensor) -> float:
        with self._lock, torch.no_grad():
            self.space.write(theta, self.module)
            value: object = self.score(self.module)
        if isinstance(value, Tensor):
            value = value.detach()
        try:
            return float(value)  # type: ignore[arg-type] # whatever the user's score gave
        except (TypeError, ValueError, RuntimeError):
            raise InvalidSetting(
                f"the score must give one number for a module, but it gave {type(value).__name__} {value!r:.80}."
            ) from None


def _key(theta: Tensor) -> bytes:
    plain = theta.detach().cpu().contiguous().view(torch.uint8).numpy()
    return hashlib.blake2b(plain.tobytes(), digest_size=16).digest()
