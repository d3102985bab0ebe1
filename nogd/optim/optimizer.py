"""The optimizer itself: what torch's users, schedulers and trainers expect of one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import Any, NoReturn

import torch
from torch import Generator, Tensor, nn

from nogd.engine.accounts.meter import Meter
from nogd.engine.space import DEFAULT_BOX, Bounds, ParameterSpace
from nogd.errors import InvalidSetting, UnknownName
from nogd.optim.given import module_of, refuse_groups
from nogd.optim.stepping import Stepping
from nogd.training.learner import Learner
from nogd.training.names import build
from nogd.training.user_call import AnyLearner, checked_seed

DEFAULT = "cma-es"
_KEY = "nogd"


class Optimizer(torch.optim.Optimizer):
    """Trains a module in a loop of your own, as `torch.optim` does, by a learner that needs losses alone.

    A step is one of the learner's: it asks for candidates, mostly a population, and is told their losses, which the
    closure gives. All candidates of a step are scored by the same closure with the same random numbers (Dropout's
    masks, say), so that it should take its mini-batch from outside. Each is written into the module in place; after the
    step the module holds what the learner recommends.

    :param module: only its parameters with `requires_grad` are searched; or its parameters, as `module.parameters()`
        or `module.named_parameters()` give them. Groups of parameters are refused.
    :param learner: a learner that needs losses alone, or its name, such as "openai-es,sigma=0.02". The default comes
        with the package nogd-evolution, and is for up to 1,000 parameters.
    :param bounds: the search box; see `nogd.fit`.
    :param seed: of all random numbers of the learner, a whole number of at most 63 bits.
    :param enable_grad: whether closures run with gradients enabled, as one that calls `backward` needs it; nothing uses
        them.
    :param hyper: further hyper-parameters of the learner. Of these, `lr`, where the learner has one and it is given or
        a number by default, stands in `param_groups[0]`, where schedulers change it.
    :raises UserError: if an argument is invalid, or the learner needs more than losses.
    """

    def __init__(
        self,
        module: nn.Module | Iterable[Any],
        learner: AnyLearner = DEFAULT,
        *,
        bounds: Bounds = DEFAULT_BOX,
        seed: int = 0,
        enable_grad: bool = False,
        **hyper: Any,
    ) -> None:
        holder = module_of(module)
        space = ParameterSpace(holder, bounds)
        self._asked = _built(learner, hyper)
        rng = Generator(space.device).manual_seed(checked_seed(seed))
        self._stepping = Stepping(self._asked, holder, space, rng, enable_grad=enable_grad)
        searched = [(name, each) for name, each in holder.named_parameters() if each.requires_grad]
        rate = getattr(self._asked, "lr", None)
        super().__init__(searched, {} if rate is None else {"lr": rate})

    @property
    def meter(self) -> Meter:
        """What all steps have cost: a candidate is one evaluation and counts 1 forward; the clock runs in steps."""
        return self._stepping.meter

    @property
    def finished(self) -> str | None:
        """The reason once the learner has nothing left to do. Further steps score its recommendation, and warn."""
        return self._stepping.finished

    def restart(self) -> None:
        """Make the learner begin again, from the parameters as they are at the next step; all of the meter but its
        iterations counts on.
        """
        self._stepping.restart()

    def step(self, closure: Callable[[], Any] | None = None) -> Tensor:  # type: ignore[override]  # in any case
        """One step of the learner.

        :param closure: called for each candidate without arguments and without gradients; returns the loss of the
            module as it then is, one number. A loss that is not finite ranks last.
        :returns: the lowest loss of the step's candidates, a scalar. It is that of the luckiest one: to compare
            networks, score the module itself.
        :raises InvalidSetting: if the closure returns no number, or the parameters are not those that the last step
            left.
        """
        self._stepping.learner = self._with_rate()
        space = self._stepping.space
        return torch.tensor(self._stepping.step(closure), dtype=space.dtype, device=space.device)

    def state_dict(self) -> dict[str, Any]:
        """All that the next steps follow from but the parameters, which are in the module's own; for `torch.save`."""
        saved = super().state_dict()
        saved["state"][_KEY] = {"learner": str(self._asked), "run": self._stepping.save()}
        return saved

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave: with the module's own loaded too, as if there had been no stop.

        :raises InvalidSetting: if it is not of this class, or of another learner or number of parameters.
        """
        saved = state_dict["state"].get(_KEY) if "state" in state_dict else None
        if saved is None:
            raise InvalidSetting("this is not what the state_dict() of a nogd.optim.Optimizer gave.")
        if saved["learner"] != str(self._asked):
            raise InvalidSetting(
                f"the state_dict is of {saved['learner']}, but this optimizer has {self._asked}; make it with the same"
                " learner."
            )
        self._stepping.load(saved["run"])
        super().load_state_dict({**state_dict, "state": {}})

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take the only group that there is; more of them are refused."""
        if self.param_groups:
            refuse_groups()
        super().add_param_group(param_group)

    def __getstate__(self) -> NoReturn:
        raise InvalidSetting(
            "an optimizer belongs to its module and cannot be copied or pickled: make another one, and load this one's"
            " state_dict()."
        )

    def _with_rate(self) -> Learner:
        """The learner, at the rate that a scheduler may have set."""
        asked = getattr(self._asked, "lr", None)
        rate: object = self.param_groups[0].get("lr", asked)
        if rate == asked:
            return self._asked
        if asked is None:
            raise InvalidSetting(
                f"{self._asked.name} has no lr that could be changed; where lr is among its hyper-parameters, give"
                " it a number from the start."
            )
        if not (isinstance(rate, Real) and 0 <= float(rate) < math.inf):
            raise InvalidSetting(f"lr must be a finite number of at least 0, not {rate!r:.60}.")
        return self._asked.model_copy(update={"lr": float(rate)})


def _built(learner: AnyLearner, hyper: Mapping[str, Any]) -> Learner:
    try:
        return build(learner, hyper)
    except UnknownName:
        if learner != DEFAULT:
            raise
        raise UnknownName(
            f"No learner is named {DEFAULT!r}, which comes with the package nogd-evolution: install it (pip install"
            " ./plugins/nogd-evolution), or name another learner of losses ('nogd list learners')."
        ) from None
