from __future__ import annotations

import json
import math
import subprocess
import sys
from typing import ClassVar

import pytest
import torch
from torch import nn

import nogd.tasks
from nogd.engine.losses import find_loss
from nogd.engine.space import ParameterSpace
from nogd.errors import DataError, PluginError, UnknownName
from nogd.plugins.manager import Plugins
from nogd.problem.metrics import METRICS, Metric, find_metric
from nogd.problem.splits import Split, labels, split
from nogd.problem.task import Dataset, Problem, SupervisedTask, Task, layers
from nogd.seeds import derive
from nogd.tasks.networks import Sign, TernaryLinear, stack

# name: (size of theta, examples of training, validation and test)
SIZES = {
    "original": (84, (442,)),
    "diabetes": (84, (265, 87, 90)),
    "breast-cancer": (257, (341, 115, 113)),
    "wine": (139, (107, 35, 36)),
    "iris": (35, (90, 30, 30)),
    "digits": (2410, (1078, 360, 359)),
    "two-spirals": (337, (240, 80, 80)),
    "parity": (161, (256,)),
    "breast-cancer-sign": (161, (341, 115, 113)),
    "diabetes-ternary": (97, (265, 87, 90)),
}
NO_GRADIENT = ["breast-cancer-sign", "diabetes-ternary"]


def task(name: str) -> Task:
    return Plugins.of(nogd.tasks).tasks.find(name).load()()


def parts(problem: Problem) -> list[Split]:
    return [part for part in (problem.train, problem.validation, problem.test) if part is not None]


def theta(problem: Problem) -> torch.Tensor:
    return ParameterSpace(problem.module, problem.bounds).read(problem.module)


def data_of(problem: Problem) -> list[torch.Tensor]:
    return [tensor for part in parts(problem) for tensor in (part.inputs, part.targets)]


def test_all_tasks_are_tested_here():
    elsewhere = ["cart-pole"]  # tests/test_simulator.py
    assert [entry.name for entry in nogd.tasks.nogd_tasks()] == [*SIZES, *elsewhere]


def test_offering_them_imports_nothing_heavy():
    code = "import sys, nogd.tasks; nogd.tasks.nogd_tasks(); print({'torch', 'sklearn', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    problem = task(name).problem(0)
    dimension, examples = SIZES[name]
    assert ParameterSpace(problem.module, problem.bounds).dimension == dimension
    assert tuple(map(len, parts(problem))) == examples


@pytest.mark.parametrize("name", SIZES)
def test_network_and_loss_fit_the_data(name):
    problem = task(name).problem(0)
    for part in parts(problem):
        outputs = problem.module(part.inputs).detach()
        assert math.isfinite(find_loss(problem.loss)(outputs, part.targets))
        assert math.isfinite(problem.metric(outputs, part.targets))


@pytest.mark.parametrize("name", SIZES)
def test_one_seed_one_start_and_data_without_a_seed(name):
    first, again, other = (task(name).problem(seed) for seed in (3, 3, 4))
    assert torch.equal(theta(first), theta(again))
    assert not torch.equal(theta(first), theta(other))
    for a, b, c in zip(*map(data_of, (first, again, other)), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)


@pytest.mark.parametrize("name", SIZES)
def test_the_global_random_state_is_neither_read_nor_moved(name):
    torch.manual_seed(5)
    before, start = torch.get_rng_state(), theta(task(name).problem(3))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    assert torch.equal(theta(task(name).problem(3)), start)


@pytest.mark.parametrize("name", SIZES)
def test_who_writes_into_the_data_spoils_them_for_nobody_else(name):
    spoilt, wanted = task(name).problem(0), [tensor.clone() for tensor in data_of(task(name).problem(0))]
    for tensor in data_of(spoilt):
        tensor.zero_()
    assert all(map(torch.equal, data_of(task(name).problem(0)), wanted))


@pytest.mark.parametrize("name", SIZES)
def test_description(name):
    facts = task(name).describe()
    json.dumps(facts, allow_nan=False)
    assert facts["parameters"] == SIZES[name][0]
    assert tuple(facts["examples"].values()) == SIZES[name][1]
    assert facts["why"].endswith(".")
    assert facts["budget"] == 3_000
    assert facts["gradient"] == (name not in NO_GRADIENT)
    assert {"data", "network", "loss", "metric", "bounds"} <= facts.keys()


def test_the_original_network():
    problem = task("original").problem(0)
    assert layers(problem.module) == "Linear(10, 5), Linear(5, 4), ReLU, Linear(4, 1)"
    start = theta(problem)
    assert (start.abs() <= 5).all()
    assert start.abs().max() > 4
    assert problem.train.targets.max() == 346
    assert problem.test is None


@pytest.mark.parametrize("name", NO_GRADIENT)
def test_where_there_is_no_gradient_search_can_still_learn(name, one_thread):
    """A plain coordinate grid search, 3,000 forwards, against the best constant predictor."""
    problem = task(name).problem(0)
    assert not problem.differentiable
    coordinate_search(problem, forwards=3_000)
    with torch.no_grad():
        reached = find_loss(problem.loss)(problem.module(problem.train.inputs), problem.train.targets)
    assert reached < 0.7 * problem.constant_loss
    assert problem.metric(problem.module(problem.test.inputs), problem.test.targets) > problem.constant + 0.2


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)  # many tiny products: threads would only wait for each other
    yield
    torch.set_num_threads(before)


@torch.no_grad()
def coordinate_search(problem: Problem, forwards: int, points: int = 10) -> None:
    space, loss = ParameterSpace(problem.module, problem.bounds), find_loss(problem.loss)
    theta, low, high = space.read(problem.module), space.low, space.high
    for turn in range(forwards // points):
        at = turn % space.dimension
        losses, values = [], torch.linspace(float(low[at]), float(high[at]), points)
        for value in values:
            theta[at] = value
            space.write(theta, problem.module)
            losses.append(float(loss(problem.module(problem.train.inputs), problem.train.targets)))
        theta[at] = values[losses.index(min(losses))]
    space.write(theta, problem.module)


def test_gradients_are_zero_where_the_task_says_that_there_are_none():
    network = stack(4, 3, 1, activation=Sign)
    network(torch.randn(9, 4)).sum().backward()
    assert not network[0].weight.grad.any()
    ternary = TernaryLinear(4, 2)
    ternary(torch.randn(9, 4)).sum().backward()
    assert not ternary.weight.grad.any()


def test_ternary_weights_count_as_minus_one_zero_or_one():
    layer = TernaryLinear(4, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[-7.0, -0.4, 0.6, 1.2]]))
        layer.bias.fill_(10.0)
    inputs = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    assert layer(inputs).item() == pytest.approx((-1 + 3 + 4) / 2 + 10)


def test_ternary_weights_start_with_all_three_values():
    torch.manual_seed(0)
    values, counts = TernaryLinear(100, 30).weight.round().clamp(-1, 1).unique(return_counts=True)
    assert values.tolist() == [-1, 0, 1]
    assert (counts > 900).all()


# Splits


def test_splits_are_disjoint_and_complete():
    data = Split(torch.arange(101.0).reshape(-1, 1), torch.randn(101, 1))
    seen = torch.cat([part.inputs for part in split(data, (0.6, 0.2, 0.2), seed=1)]).flatten()
    assert seen.sort().values.tolist() == list(range(101))
    assert seen.tolist() != list(range(101))


def test_each_class_is_shared_out_alike():
    data = Split(torch.randn(1000, 1), torch.tensor([0] * 900 + [7] * 100))
    assert [int((part.targets == 7).sum()) for part in split(data, (0.6, 0.2, 0.2), seed=1)] == [60, 20, 20]


def test_columns_of_zeros_and_ones_are_classes_and_other_columns_are_not():
    assert labels(torch.tensor([[0.0], [1.0], [1.0]])).tolist() == [0, 1, 1]
    assert labels(torch.tensor([[0.0], [0.5], [1.0]])) is None
    assert labels(torch.tensor([[0.0, 1.0]])) is None


def test_regression_is_shared_out_over_the_range_of_the_targets():
    data = Split(torch.randn(100, 1), torch.arange(100.0).reshape(-1, 1))
    for part in split(data, (0.6, 0.2, 0.2), seed=1):
        assert torch.equal((part.targets[:, 0] // 20).long().bincount(), torch.full((5,), len(part) // 5))


def test_standardised_by_the_training_split_alone():
    problem = task("diabetes").problem(0)
    for tensor in (problem.train.inputs, problem.train.targets):
        assert tensor.mean(dim=0).abs().max() < 1e-5
        assert (tensor.std(dim=0, unbiased=False) - 1).abs().max() < 1e-5
    assert problem.test.targets.mean().abs() > 1e-3


# The constant predictor


class Numbers(Dataset):
    """Ten numbers."""

    name = "numbers"

    def load(self):
        return torch.arange(10.0).reshape(-1, 1), torch.tensor([[1.0]] * 9 + [[11.0]])


class OnNumbers(SupervisedTask):
    """Ten numbers, unsplit and raw."""

    name, dataset, loss, metric = "on-numbers", Numbers, "mse", "r2"
    split, standardise = None, ()

    def network(self):
        return nn.Linear(1, 1)


def test_constant_of_a_regression_is_the_mean_or_the_median_as_the_loss_asks():
    problem = OnNumbers().problem(0)
    assert problem.constant == pytest.approx(0)
    assert problem.constant_loss == pytest.approx(9)  # nine at distance 1, one at distance 9 from the mean, 2

    class Absolute(OnNumbers):
        loss = metric = "mae"

    problem = Absolute().problem(0)
    assert (
        problem.constant == problem.constant_loss == pytest.approx(1)
    )  # the median, 1, is wrong once, by 10


def test_constant_of_two_classes():
    problem = task("breast-cancer").problem(0)
    share = float(problem.train.targets.mean())
    held_out = float(problem.test.targets.mean())
    entropy = -held_out * math.log(share) - (1 - held_out) * math.log(1 - share)
    assert problem.constant == pytest.approx(held_out)
    assert problem.constant_loss == pytest.approx(entropy, rel=1e-5)
    assert task("breast-cancer-sign").problem(0).constant_loss == pytest.approx(1 - held_out, rel=1e-5)


def test_constant_of_many_classes():
    problem = task("wine").problem(0)
    shares = problem.train.targets.bincount() / len(problem.train)
    most = shares.argmax()
    assert problem.constant == pytest.approx(float((problem.test.targets == most).double().mean()))
    assert problem.constant_loss == pytest.approx(float(-shares.log()[problem.test.targets].mean()), rel=1e-5)


def test_constant_of_a_task_without_a_split_is_that_of_its_training_data():
    assert task("original").problem(0).constant_loss == pytest.approx(5929.88, rel=1e-5)
    assert task("parity").problem(0).constant == 0.5


# Metrics


def test_metrics_by_hand():
    logits, classes = torch.tensor([[1.0, 2.0], [3.0, 0.0]]), torch.tensor([1, 1])
    assert METRICS["accuracy"](logits, classes) == 0.5
    column, bits = (
        torch.tensor([[0.1], [-3.0], [2.0], [math.nan]]),
        torch.tensor([[1.0], [0.0], [0.0], [0.0]]),
    )
    assert METRICS["accuracy"](column, bits) == 0.5
    assert METRICS["error-rate"](column, bits) == 0.5
    numbers = torch.tensor([[1.0], [2.0], [3.0]])
    assert METRICS["r2"](numbers, numbers) == 1
    assert METRICS["r2"](torch.full((3, 1), 2.0), numbers) == 0
    assert METRICS["r2"](torch.tensor([[1.0], [2.0], [4.0]]), numbers) == pytest.approx(0.5)


def test_a_loss_serves_as_a_metric_and_less_of_it_is_better():
    metric = find_metric("mse")
    assert metric(torch.zeros(2, 1), 2 * torch.ones(2, 1)) == 4
    assert not metric.greater_is_better


def test_unknown_metric():
    with pytest.raises(UnknownName, match="did you mean 'accuracy'"):
        find_metric("acuracy")


# What a third party writes


class Moons(Dataset):
    """Two half moons."""

    name = "moons"

    def load(self):
        from sklearn.datasets import make_moons

        inputs, targets = make_moons(100, random_state=0)
        return torch.tensor(inputs), torch.tensor(targets)


class MoonsTask(SupervisedTask):
    """Tell two moons apart."""

    name, dataset, loss, metric = "moons", Moons, "cross-entropy", "accuracy"
    why = "It is what a stranger would try first."

    def network(self):
        return nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))


def test_a_task_in_ten_lines():
    problem = MoonsTask().problem(0)
    assert [len(part) for part in parts(problem)] == [60, 20, 20]
    assert problem.constant == 0.5
    assert problem.bounds == (-5, 5)
    assert MoonsTask().describe()["data"] == "moons: Two half moons."


def test_a_data_set_by_name(monkeypatch):
    from nogd.hookspecs import hookimpl

    class Plugin:
        @hookimpl
        def nogd_datasets(self):
            return [Moons]

    monkeypatch.setattr("nogd.plugins.manager.plugins", lambda: Plugins.of(Plugin()))

    class Named(MoonsTask):
        dataset = "moons"

    assert torch.equal(Named().problem(0).train.inputs, MoonsTask().problem(0).train.inputs)

    class Misspelt(MoonsTask):
        dataset = "mons"

    with pytest.raises(UnknownName, match="did you mean 'moons'"):
        Misspelt().problem(0)


def twice_the_error(outputs, targets):
    return 2 * (outputs - targets).abs().mean()


def test_a_loss_and_a_metric_of_ones_own():
    class Own(OnNumbers):
        loss = twice_the_error
        metric = Metric("least", lambda outputs, _: outputs.min(), greater_is_better=True)

    problem = Own().problem(0)
    assert problem.loss is twice_the_error
    assert (problem.constant, problem.constant_loss) == (1, pytest.approx(2))
    assert Own().describe()["loss"] == "twice_the_error"


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (torch.tensor([[math.nan]]), torch.zeros(1, 1), "'bad' has inputs that are NaN"),
        (torch.zeros(1, 1), torch.tensor([[math.inf]]), "'bad' has targets that are NaN or infinite"),
        (torch.zeros(2, 1), torch.zeros(1, 1), "'bad' has 2 inputs and 1 targets"),
        (torch.zeros(0, 1), torch.zeros(0, 1), "at least one example"),
        (torch.zeros(3), torch.zeros(3, 1), r"'bad' has inputs of shape \[3\]"),
        (torch.zeros(3, 1), torch.zeros(3), r"targets of shape \[3\] and type torch.float32"),
    ],
)
def test_bad_data_are_refused_by_name(inputs, targets, message):
    class Bad(Dataset):
        """Data that cannot be used."""

        name = "bad"

        def load(self):
            return inputs, targets

    class OnBad(OnNumbers):
        dataset = Bad

    with pytest.raises(DataError, match=message):
        OnBad().problem(0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"split": (0.6, 0.4)}, r"'on-numbers' sets split to \(0.6, 0.4\)"),
        ({"split": (0.6, 0.6, -0.2)}, "three shares above 0"),
        ({"standardise": "inputs"}, "'on-numbers' sets standardise to 'inputs'"),
        ({"standardise": ("outputs",)}, "give a tuple"),
    ],
)
def test_an_impossible_setting_is_refused(changes, message):
    with pytest.raises(PluginError, match=message):
        type("Changed", (OnNumbers,), changes)().problem(0)


def test_class_numbers_are_not_standardised():
    class Standardised(MoonsTask):
        standardise = ("inputs", "targets")

    with pytest.raises(DataError, match="take 'targets' out of standardise"):
        Standardised().problem(0)


def test_an_incomplete_class_is_refused():
    class Incomplete(SupervisedTask):
        name: ClassVar[str] = "incomplete"
        dataset = Numbers

        def network(self):
            return nn.Linear(1, 1)

    with pytest.raises(PluginError, match="Incomplete has no loss and no metric"):
        Incomplete().problem(0)


def test_too_few_examples_to_split():
    class Split(OnNumbers):
        split = (0.98, 0.01, 0.01)

    with pytest.raises(DataError, match="cannot split 10 examples"):
        Split().problem(0)


# References and seeds


def test_a_reference_is_read_from_beside_the_file_and_only_for_its_version(tmp_path, monkeypatch):
    (tmp_path / "reference.json").write_text('{"on-numbers": {"version": 1, "test_metric": 0.5}}')
    monkeypatch.setattr(sys.modules[__name__], "__file__", str(tmp_path / "tasks.py"))
    assert OnNumbers.reference == OnNumbers().reference == {"version": 1, "test_metric": 0.5}
    assert MoonsTask.reference is None

    class Newer(OnNumbers):
        version = 2

    assert Newer.reference is None


def test_without_the_file_there_is_no_reference(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules[__name__], "__file__", str(tmp_path / "tasks.py"))
    assert OnNumbers.reference is None


def test_seeds():
    assert derive("split", "diabetes") == 6_629_343_143_945_280_547  # another would move every split
    assert 0 <= derive("a", 1) < 2**63
    assert len({derive("a", 1), derive("a", "1"), derive("a1"), derive(["a", 1])}) == 4
    with pytest.raises(TypeError):
        derive(object())
