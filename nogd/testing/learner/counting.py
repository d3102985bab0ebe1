"""Every forward is paid, and the test data are nobody's."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from nogd.engine.objective import Objective
from nogd.engine.several import parts_of
from nogd.testing.check import broken, check
from nogd.testing.measuring import as_the_bench, hidden_split
from nogd.testing.spy import Spy
from nogd.testing.toys import first_fit
from nogd.testing.trial import Trial
from nogd.training.learner import Learner
from nogd.training.recorder import Measure

_PAID = (
    "losses",
    "losses_of",
    "walk",
    "gradient",
    "directional",
    "curvature",
    "gram",
    "readout",
    "readout_unit",
    "_score_line",
    "_line_minimum",
)
# What these give is still an example's each: products with it are a learner's own work.
_GIVING_DATA = ("batch", "outputs", "activations", "unit_view")
# What is declared may be this much less than what was seen: nobody counts to the last product.
TOLERANCE = 0.95


class Spied(Objective):
    """Sees what is computed with its data and its module outside of its own methods."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.spy = Spy()
        self.refused: list[str] = []
        self._rows = 0
        network = self._network()
        network.compiled = None  # whoever scores with it by himself does so in torch, where the spy sees it
        self.spy.watch(
            [*parts_of(network.inputs).values(), network.targets, network.stack_inputs, network.stack_targets]
        )
        for name in _PAID:
            setattr(self, name, self.spy.paid(getattr(self, name)))
        for name in _GIVING_DATA:
            setattr(self, name, self.spy.paid(getattr(self, name), gives_data=True))
        network.module.register_forward_pre_hook(self._called, with_kwargs=True)

    def measure(self, theta: Tensor) -> dict[str, float]:
        """As the objective's own, which counts nothing as it is for the record alone."""
        figures: dict[str, float] = self.spy.paid(super().measure)(theta)
        return figures

    def for_the_record(self) -> Measure:
        """What the recorder measures with: the training loss, and that of test data that nobody else may see."""
        test = hidden_split(self)
        self.spy.hide([*parts_of(test.inputs).values(), test.targets])
        measure: Measure = self.spy.paid(as_the_bench)(self, test)
        return self.spy.measuring(measure)

    @property
    def unpaid(self) -> float:
        """Forwards that were computed outside of the objective, less what was declared for them."""
        by_products = self.spy.flops / (self._cost.flops * self.N)
        return max(by_products, self._rows / self.N) * TOLERANCE - self.meter.worked

    def _show(self, rows: Tensor | None) -> None:
        """Moments of the inputs, which are two numbers a feature, are no data any more."""
        super()._show(rows)
        if (seen := self._watched) is not None:
            self.spy.paid(lambda: (seen.mean, seen.variance))()

    def _refuse_learners(self, what: str) -> None:
        if not self._till.is_measured:
            self.refused.append(what)
        super()._refuse_learners(what)

    def _called(self, _module: nn.Module, by_place: tuple[Any, ...], by_name: dict[str, Any]) -> None:
        inputs = [*by_place, *by_name.values()]
        if not self.spy.is_inside and inputs and isinstance(inputs[0], Tensor):
            self._rows += len(inputs[0])


@check(
    "Ask the objective (`losses`, `outputs`, `walk`, `gradient`, ...); for what you compute yourself with its module"
    " or data, `with objective.work(forwards):` around it."
)
def every_forward_is_counted(learner: Learner) -> None:
    """Learners are compared at equal cost, so everything that looks at the data must be paid for."""
    seen = _spied(learner)
    if seen.refused:
        broken(f"it asked for what is for the record alone: {', '.join(sorted(set(seen.refused)))}.")
    if seen.unpaid > 1e-6:
        broken(
            f"it computed {seen.unpaid + seen.meter.worked:.3g} forwards by itself, and declared"
            f" {seen.meter.worked:.3g}."
        )
    if seen.spy.left and not seen.meter.worked:
        broken(
            "it takes the data out of torch, where nobody sees what is done with them, and declares no work."
        )


@check("Use what the objective offers, and nothing that belongs to the recorder, the task or the store.")
def test_data_are_never_used(learner: Learner) -> None:
    """Only the harness reads the test split, or a test score would be meaningless."""
    if _spied(learner).spy.peeped:
        broken("it used the test data.")


def _spied(learner: Learner) -> Spied:
    trial = Trial(learner, first_fit(learner), kind=Spied, measured=Spied.for_the_record)
    objective = trial.objective
    assert isinstance(objective, Spied)
    with objective.spy.looking():
        trial.run()
    return objective


CHECKS = (every_forward_is_counted, test_data_are_never_used)
