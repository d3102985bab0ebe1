"""The ledgers, the budget and its parts: what every call counts, and that nothing is computed that does not fit."""

from __future__ import annotations

import time
from fractions import Fraction

import plain
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

import nogd
from nogd.engine.accounts.meter import BudgetSpent, Limit
from nogd.engine.black_box import BlackBox
from nogd.engine.objective import Objective
from nogd.engine.space import ParameterSpace
from nogd.errors import InvalidSetting, NotDifferentiable

ROWS = 12


def objective(rows: int = ROWS, loss="mse") -> Objective:
    return nogd.objective(plain.network(3, 4, 1, activation=nn.Tanh), *plain.data(rows, 3), loss=loss)


def population(made: Objective, count: int) -> nogd.Population:
    return nogd.Population(plain.thetas(count, made.D))


def ledgers(made: Objective) -> tuple[float, int, int, int]:
    meter = made.meter
    return meter.forwards, meter.evaluations, meter.gradients, meter.examples


def test_a_population_counts_its_size():
    made = objective()
    made.losses(population(made, 7))
    assert ledgers(made) == (7, 7, 0, 7 * ROWS)


def test_an_empty_population_counts_nothing():
    made = objective()
    assert made.losses(population(made, 0)).shape == (0,)
    assert ledgers(made) == (0, 0, 0, 0)


def test_a_line_counts_its_values():
    made = objective()
    made.losses(nogd.Line(plain.thetas(1, made.D)[0], 2, torch.zeros(9)))
    assert ledgers(made) == (9, 9, 0, 9 * ROWS)


def test_a_walk_counts_one_its_values_count_each_and_moves_nothing():
    made = objective()
    theta = plain.thetas(1, made.D)[0]
    walk = made.walk(theta)
    assert ledgers(made) == (1, 1, 0, ROWS)
    walk.losses(3, torch.zeros(5))
    walk.move(3, 1.0)
    assert made.walk(theta) is walk
    assert ledgers(made) == (6, 6, 0, 6 * ROWS)


def test_a_walk_from_elsewhere_is_paid():
    made = objective()
    theta = plain.thetas(1, made.D)[0]
    walk = made.walk(theta)
    theta[0] += 1
    with pytest.raises(InvalidSetting, match="changed outside its walk"):
        walk.losses(0, torch.zeros(2))
    made.walk(theta)
    made.walk(theta + 1)
    assert made.meter.evaluations == 3


def test_a_line_is_cheap_in_arithmetic_though_it_counts_like_any_other():
    made = objective()
    walk = made.walk(plain.thetas(1, made.D)[0])
    before = made.meter.flops
    walk.losses(0, torch.zeros(10))
    assert 0 < made.meter.flops - before < 10 * before


@pytest.mark.parametrize(("widths", "cost"), [((10, 5, 4, 1), 2.32), ((64, 32, 10), 2.14), ((3, 1), 2.0)])
def test_what_a_gradient_counts(widths, cost):
    module = plain.network(*widths)
    made = nogd.objective(module, *plain.data(ROWS, widths[0], widths[-1]))
    made.gradient(plain.read(module))
    assert made.gradient_cost == pytest.approx(cost, abs=0.005)
    assert made.meter.forwards == pytest.approx(made.gradient_cost, rel=1e-15)
    assert (made.meter.evaluations, made.meter.gradients, made.meter.examples) == (1, 1, ROWS)


def test_the_price_of_a_gradient_is_the_same_where_it_is_measured():
    inner = plain.network(10, 5, 4, 1)

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = inner

        def forward(self, x: Tensor) -> Tensor:
            return self.inner(x)

    data = plain.data(ROWS, 10)
    wrapped, bare = nogd.objective(Wrapped(), *data), nogd.objective(inner, *data)
    assert wrapped.gradient_cost == pytest.approx(bare.gradient_cost)
    for made in (wrapped, bare):
        made.losses(population(made, 3))
    assert wrapped.meter.flops == pytest.approx(bare.meter.flops)


def test_mini_batches_add_up_to_exactly_one():
    made = objective(rows=7)
    for k in range(7):
        made.losses(population(made, 1), torch.tensor([k]))
    assert ledgers(made) == (1, 7, 0, 7)
    for k in range(7):
        made.gradient(plain.thetas(1, made.D)[0], torch.tensor([k]))
    assert made.meter.forwards == pytest.approx(1 + made.gradient_cost, rel=1e-15)


def test_a_black_box_counts_one_a_score_and_has_no_gradient():
    module = plain.network(3, 4, 1)
    calls = []
    score = BlackBox(
        module, ParameterSpace(module), lambda m: float(len(calls)) if calls.append(1) is None else 0.0
    )
    made = Objective(score)
    made.losses(population(made, 6))
    assert (ledgers(made)[:3], len(calls)) == ((6, 6, 0), 6)
    with pytest.raises(NotDifferentiable):
        made.gradient(plain.read(module))
    assert ledgers(made)[:3] == (6, 6, 0)


def test_work_pays_its_passes_before_it_is_done():
    made = objective()
    with made.work(2.5):
        assert ledgers(made) == (2.5, 3, 0, 30)
    assert made.meter.flops == 2.5 * ROWS * 2 * 16
    with made.work(2.5, flops=10):
        assert ledgers(made) == (5, 5, 0, 60)  # two halves are one evaluation
    assert made.meter.flops == 2.5 * ROWS * 2 * 16 + 10


def test_a_little_work_is_an_evaluation_too():
    made = objective()
    for _ in range(4):
        with made.work(0.25):
            pass
    with made.work(1, rows=torch.arange(3)):
        pass
    assert ledgers(made) == (1.25, 5, 0, ROWS + 3)


@pytest.mark.parametrize(
    "asked", [{"forwards": -1.0}, {"forwards": 1, "flops": float("nan")}, {"forwards": float("inf")}]
)
def test_work_is_paid_in_finite_numbers(asked):
    made = objective()
    with pytest.raises(InvalidSetting, match="finite numbers, 0 or more"), made.work(**asked):
        pass
    assert ledgers(made) == (0, 0, 0, 0)


@pytest.mark.parametrize("limit", [Limit(forwards=8), Limit(evaluations=8)])
def test_work_that_does_not_fit_is_not_begun(limit):
    made = limited(objective(), limit)
    with made.work(6):
        pass
    with pytest.raises(BudgetSpent), made.work(3):
        pytest.fail("this was not paid")
    assert ledgers(made) == (6, 6, 0, 6 * ROWS)


@pytest.mark.usefixtures("slept")
def test_the_seconds_of_work_are_of_scoring_and_count_once():
    made = limited(objective(), Limit())
    with made.work(1):
        time.sleep(0.03)
        made.losses(population(made, 1))
    time.sleep(0.01)
    assert made.meter.inside == pytest.approx(0.03)
    assert made.meter.seconds == pytest.approx(0.04)


def limited(made: Objective, limit: Limit) -> Objective:
    made.begin(torch.zeros(made.D, dtype=made.dtype), limit, None, None)
    return made


CALLS = st.lists(
    st.one_of(
        st.tuples(st.just("population"), st.integers(0, 9), st.integers(0, ROWS)),
        st.tuples(st.just("line"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("walk"), st.integers(0, 2), st.integers(0, 5)),
        st.tuples(st.just("gradient"), st.just(1), st.integers(0, ROWS)),
        st.tuples(st.just("work"), st.integers(0, 4), st.just(0)),
    ),
    max_size=25,
)


class Ledger:
    """The rules of the protocol in plain fractions."""

    def __init__(self, gradient_cost: Fraction, forwards: int, evaluations: int) -> None:
        self.gradient_cost, self.most = gradient_cost, (Fraction(forwards), evaluations)
        self.forwards, self.evaluations, self.gradients, self.examples = Fraction(0), 0, 0, 0
        self.walking: object = None

    def pay(self, forwards: Fraction, evaluations: int, examples: int, gradients: int = 0) -> bool:
        if self.forwards + forwards > self.most[0] or self.evaluations + evaluations > self.most[1]:
            return False
        self.forwards += forwards
        self.evaluations += evaluations
        self.examples += examples
        self.gradients += gradients
        return True


@settings(deadline=None, derandomize=True, max_examples=80)
@given(calls=CALLS, forwards=st.integers(1, 60), evaluations=st.integers(1, 60))
def test_whatever_is_called_the_ledger_is_that_of_the_protocol(calls, forwards, evaluations):
    computed = []

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        computed.append(1)
        return (outputs - targets).square().mean()

    made = limited(objective(loss=loss), Limit(forwards, evaluations))
    starts = [plain.thetas(1, made.D, seed=k)[0] for k in range(3)]
    book = Ledger(Fraction(1) + Fraction(2 * 16 - 12, 16), forwards, evaluations)  # 3 * 4 + 4 * 1 products

    def call(what: str, count: int, extra: int) -> bool:
        """Make the call; whether the book says that it fits."""
        rows = torch.arange(extra) if extra else None
        share = Fraction(extra or ROWS, ROWS)
        if what == "population":
            fits = book.pay(count * share, count, count * (extra or ROWS))
            made.losses(population(made, count), rows)
        elif what == "line":
            fits = book.pay(Fraction(count), count, count * ROWS)
            made.losses(nogd.Line(starts[0], 1, torch.zeros(count)))
        elif what == "gradient":
            fits = book.pay(book.gradient_cost * share, 1, extra or ROWS, 1)
            made.gradient(starts[0], rows)
        elif what == "work":
            fits = book.pay(Fraction(count), max(1, count), count * ROWS)
            with made.work(count):
                computed.append(1)
        else:
            fits = book.walking == count or book.pay(Fraction(1), 1, ROWS)
            walk = made.walk(starts[count])
            book.walking = count
            fits = book.pay(Fraction(extra), extra, extra * ROWS)
            walk.losses(0, torch.zeros(extra))
            walk.move(0, float(extra))
        return fits

    for what, count, extra in calls:
        before = len(computed)
        try:
            assert call(what, count, extra)
        except BudgetSpent:
            if what != "walk":
                assert len(computed) == before  # nothing is computed that is not paid
        assert made.meter.forwards == pytest.approx(float(book.forwards), rel=1e-12)
        assert ledgers(made)[1:] == (book.evaluations, book.gradients, book.examples)
        assert made.meter.forwards <= forwards
        assert made.meter.evaluations <= evaluations


@pytest.mark.parametrize("limit", [Limit(forwards=5), Limit(evaluations=5)])
def test_the_last_call_may_use_the_budget_up_but_not_pass_it(limit):
    made = limited(objective(), limit)
    made.losses(population(made, 5))
    with pytest.raises(BudgetSpent) as end:
        made.losses(population(made, 1))
    assert end.value.limit is limit
    assert limit.spent
    assert made.meter.evaluations == 5


def test_seconds_end_a_run():
    made = limited(objective(), Limit(seconds=0.0))
    with pytest.raises(BudgetSpent):
        made.losses(population(made, 1))
    assert ledgers(made) == (0, 0, 0, 0)


def test_the_budget_is_no_exception_that_a_library_swallows():
    assert not issubclass(BudgetSpent, Exception)


def test_left_is_what_the_narrowest_limit_leaves():
    made = limited(objective(), Limit(forwards=20, evaluations=100))
    made.losses(population(made, 3))
    assert (made.left.forwards, made.left.evaluations) == (17, 97)
    with made.within(Limit(forwards=10)):
        assert (made.left.forwards, made.left.evaluations) == (7, 97)
        with made.within(Limit(forwards=500, evaluations=4)):
            assert (made.left.forwards, made.left.evaluations) == (7, 1)
    assert (made.left.forwards, made.left.evaluations) == (17, 97)


def spend(made: Objective) -> None:
    while True:
        made.losses(population(made, 1))


def test_the_end_of_a_part_ends_that_part_only():
    made = limited(objective(), Limit(forwards=20))
    part = Limit(forwards=10)
    with made.within(part):
        spend(made)
    assert part.spent
    assert made.meter.forwards == 10
    with pytest.raises(BudgetSpent), made.within(Limit(forwards=30)):
        spend(made)  # the whole ends before this part does
    assert made.meter.forwards == 20


def test_the_end_of_an_outer_part_passes_through_the_inner_one():
    made = limited(objective(), Limit(forwards=20))
    outer, inner = Limit(forwards=5), Limit(forwards=8)
    with made.within(outer):
        with made.within(inner):
            spend(made)
        raise AssertionError("the outer part has ended")
    assert (outer.spent, inner.spent, made.meter.forwards) == (True, False, 5)


def test_the_last_call_can_be_sized():
    made = limited(objective(), Limit(forwards=10))
    made.losses(population(made, 4))
    made.losses(population(made, int(made.left.forwards)))
    assert made.left.forwards == 0


@pytest.mark.parametrize(
    "misuse",
    [
        lambda made: made.losses(plain.thetas(2, made.D)),
        lambda made: made.losses(nogd.Population(plain.thetas(2, made.D + 1))),
        lambda made: made.walk(plain.thetas(1, made.D)),
        lambda made: made.walk(plain.thetas(1, made.D)[0]).losses(made.D, torch.zeros(2)),
        lambda made: made.walk(plain.thetas(1, made.D)[0]).losses(-1, torch.zeros(2)),
        lambda made: made.walk(plain.thetas(1, made.D)[0]).move(made.D, 1.0),
        lambda made: made.gradient(torch.zeros(1, dtype=torch.float64)),
        lambda made: nogd.Population(plain.thetas(1, made.D)[0]),
        lambda made: nogd.Line(plain.thetas(1, made.D)[0], made.D, torch.zeros(2)),
    ],
)
def test_candidates_of_a_wrong_shape_are_refused_and_not_counted(misuse):
    made = objective()
    with pytest.raises(InvalidSetting):
        misuse(made)
    assert made.meter.evaluations <= 1  # a walk that was begun rightly


def test_candidates_of_another_type_are_converted():
    made = objective()
    candidates = plain.thetas(3, made.D).float()
    found = made.losses(nogd.Population(candidates))
    torch.testing.assert_close(found, made.losses(nogd.Population(candidates.double())), rtol=0, atol=0)


@pytest.mark.parametrize("kind", ["population", "some rows", "line", "walk", "perturbed", "low rank"])
def test_the_ledgers_are_the_same_whatever_the_engine(kind):
    module, (x, y) = plain.network(3, 4, 1, activation=nn.Tanh), plain.data(ROWS, 3)
    readings = []
    for engine in ("compiled", "stack", "chain", "vmap", "loop"):
        if engine == "compiled":
            pytest.importorskip("numba")
        made = nogd.objective(module, x, y, engine=engine)
        theta, values = plain.read(module), torch.linspace(-1, 1, 5, dtype=torch.float64)
        if kind == "walk":
            walk = made.walk(theta.clone())
            walk.losses(3, values)
            walk.lowest(3, values)
            walk.move(3, 0.5)
            made.walk(walk.theta)
        elif kind == "line":
            made.losses(nogd.Line(theta, 3, values))
        elif kind == "perturbed":
            made.losses(nogd.Perturbed(theta, (1, 2, 3), 0.1, antithetic=True), torch.arange(5))
        elif kind == "low rank":
            made.losses(nogd.LowRank.draw(made.space, theta, 4, 0.1, torch.Generator().manual_seed(0)))
        else:
            made.losses(population(made, 9), torch.arange(7) if kind == "some rows" else None)
        made.gradient(theta)
        made.directional(theta, plain.thetas(3, made.D), torch.arange(5))
        reading = made.meter.reading()
        del reading["seconds"]
        if kind == "walk":  # arithmetic that is not done is not counted
            del reading["flops"]
        readings.append(reading)
    for reading in readings[1:]:
        assert reading == pytest.approx(readings[0], rel=1e-12)


def test_a_run_that_is_over_costs_nothing_more():
    net = nn.Linear(1, 1)
    x = torch.linspace(-1, 1, 9)[:, None]
    run = nogd.fit(net, x, 2 * x, learner="adam", budget=20)
    spent = run.meter.seconds, run.meter.cpu_seconds
    sum(range(300_000))
    assert (run.meter.seconds, run.meter.cpu_seconds) == spent
    assert run.meter.seconds >= run.curve["seconds"].iloc[-1]
