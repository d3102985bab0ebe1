"""A task is an object with settings, chosen by name, by tag or in Python; without settings it is what it always was."""

from __future__ import annotations

import json
import sys
from typing import Any, ClassVar

import pytest
import torch
from bench_help import command
from pydantic import Field
from torch import Tensor, nn

import nogd
from nogd import Dataset, Experiment, Problem, Split, SupervisedTask, Task
from nogd.bench.experiment import make_experiment
from nogd.bench.plan import Planned, plan
from nogd.bench.task_names import build_task
from nogd.cli.selection import select
from nogd.errors import PluginError, UserError
from nogd.hookspecs import hookimpl
from nogd.plugins.manager import Plugins
from nogd.problem.metrics import find_metric
from nogd.tasks.classification import Iris, Parity

NOTHING: dict[str, Any] = dict.fromkeys(["forwards", "evaluations", "seconds", "iterations"])


def planned(*tasks: Any) -> list[Planned]:
    return plan(make_experiment({"learners": "random-search", "tasks": list(tasks), "repetitions": 1}))


def start_of(item: Planned) -> Tensor:
    problem = item.task.problem(nogd.seeds.derive("initial", item.cell.task, 0))
    return nn.utils.parameters_to_vector(problem.module.parameters()).detach()


def test_name_text_and_python_are_one_task():
    for chosen in ("parity,bits=3,width=5", "parity,width=5,bits=3", Parity(bits=3, width=5)):
        [item] = planned(chosen)
        assert (item.cell.task, item.task) == ("parity,bits=3,width=5", Parity(bits=3, width=5))
    file = make_experiment({"tasks": [{"use": "parity", "bits": 3, "width": 5}], "learners": "random-search"})
    options = select(None, False, ("random-search",), ("parity,bits=3,width=5",), (), dict(NOTHING))
    assert file.tasks == options.tasks == ("parity,bits=3,width=5",)
    assert 'tasks = [\n    "parity,bits=3,width=5",\n]' in file.to_toml()


def test_settings_are_in_the_identity_and_their_defaults_are_not():
    ids = {
        item.cell.id for item in planned("digits", "digits,width=128", "digits,depth=2", "digits,mode=train")
    }
    assert len(ids) == 4
    [plain], [spelled], [object_] = planned("iris"), planned("iris,width=4,mode=eval,split=0"), planned(Iris)
    assert plain.cell.id == spelled.cell.id == object_.cell.id
    assert plain.cell.task == "iris"


def test_settings_change_the_start_and_not_the_split():
    plain, wide, again = planned("digits", "digits,width=128", "digits,activation=tanh")
    problems = [item.task.problem(0) for item in (plain, wide)]
    assert torch.equal(problems[0].train.inputs, problems[1].train.inputs)
    assert torch.equal(problems[0].test.targets, problems[1].test.targets)
    assert problems[1].module[0].out_features == 128
    assert len(start_of(plain)) == len(start_of(again))
    assert not torch.equal(start_of(plain), start_of(again))


def test_mode_is_a_setting_of_every_task():
    [item] = planned("iris,mode=train")
    assert (item.cell.task, item.cell.mode, item.task.describe()["mode"]) == (
        "iris,mode=train",
        "train",
        "train",
    )

    class Trained(Iris):
        mode = "train"

    assert [build_task(each).name for each in (Trained, Trained(mode="train"))] == ["iris", "iris"]
    assert planned(Trained)[0].cell.mode == "train"
    assert planned(Trained(mode="eval"))[0].cell.mode == "eval"


def test_other_splits_are_other_draws_of_the_same_shares():
    first, second, third = (build_task(f"wine,split={k}").task.problem(0) for k in range(3))
    assert len(first.train) == len(second.train) == len(third.train)
    rows = [
        {tuple(row.tolist()) for row in problem.test.targets[:, None]} for problem in (first, second, third)
    ]
    assert rows[0] == rows[1] == rows[2] == {(0,), (1,), (2,)}
    assert not torch.equal(first.test.targets, second.test.targets)
    assert not torch.equal(second.test.targets, third.test.targets)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (
            "parity,bit=10",
            r"parity has no setting 'bit'; did you mean 'bits'\? Its settings: bits, width, depth,",
        ),
        ("parity,bits=99", "parity: bits = '99' is not right: input should be less than or equal to 16"),
        ("parity,split=1", "parity: it has no split, so there is no other split either"),
        ("iris,mode=training", "iris: mode = 'training' is not right"),
        (
            "cart-pole,mode=train",
            "cart-pole: a policy acts as it will be used, so its only mode is eval",
        ),
        ("iris+wine", "does not parse; write it as name,setting=value"),
        ("tag:clasification", r"no task has the tag 'clasification'; did you mean 'classification'\? Tags: "),
        (SupervisedTask, "a task is a name such as 'parity,bits=10', a nogd.Task or a class of them"),
        (["parity", "parity,bits=8"], "task 'parity' is given twice"),
        ([{"bits": 10}], "does not say what to use: use = 'parity'"),
    ],
)
def test_what_cannot_be_meant_is_said(chosen, message):
    with pytest.raises(UserError, match=message):
        planned(*(chosen if isinstance(chosen, list) else [chosen]))


@pytest.mark.filterwarnings("ignore:Field name")  # pydantic says it in its own way first
def test_what_belongs_to_the_class_is_no_setting():
    with pytest.raises(
        PluginError, match=r"the task .*Own makes a setting of 'loss', which belongs to the class"
    ):

        class Own(Iris):
            loss: str = "hinge"


def test_a_tag_chooses_all_tasks_that_have_it():
    chosen = [item.cell.task for item in planned("tag:no-gradient", "iris")]
    assert chosen == ["breast-cancer-sign", "diabetes-ternary", "cart-pole", "iris"]


def test_tags_are_listed_without_importing_a_task():
    rows = {row["name"]: row for row in json.loads(command("list", "tasks", "--json", "--no-plugins").stdout)}
    assert rows["cart-pole"]["tags"] == ["control", "no-gradient"]
    assert all(row["tags"] for row in rows.values())
    assert command("list", "tasks", "--no-plugins").stdout.splitlines()[0].split() == [
        "NAME", "PACKAGE", "VERSION", "TAGS", "SUMMARY",
    ]  # fmt: skip


# What a third party writes


class Grid(Dataset):
    """Points of a line."""

    name = "grid"

    def load(self):
        inputs = torch.linspace(-1, 1, 30)[:, None]
        return inputs, inputs.square()


class Curve(SupervisedTask):
    """A parabola."""

    name, why, dataset, loss, metric = "curve", "Small.", Grid, "mse", "r2"
    budget: ClassVar[float] = 20
    units: int = Field(2, ge=1, description="hidden units")

    @property
    def differentiable(self) -> bool:  # what belongs to a class may follow from settings
        return self.units > 1

    def network(self):
        return nn.Sequential(nn.Linear(1, self.units), nn.Tanh(), nn.Linear(self.units, 1))


class Sum(Task):
    """Sum of squares."""

    name, why = "sum", "Smaller still."

    def problem(self, seed):
        nothing = Split(torch.zeros(1, 1), torch.zeros(1, 1))
        module = nn.Linear(1, 1)
        return Problem(module=module, loss="mse", train=nothing, metric=find_metric("r2"), score=_squares)


def _squares(module: nn.Module) -> float:
    return sum(float(p.square().sum()) for p in module.parameters())


@pytest.fixture
def offered(monkeypatch):
    class Plugin:
        @hookimpl
        def nogd_tasks(self):
            return [Curve(units=3)]

    loaded = Plugins.of(Plugin())
    monkeypatch.setattr("nogd.plugins.manager.plugins", lambda: loaded)


def test_a_plugin_may_offer_an_object_whose_settings_are_kept(offered):
    assert build_task("curve").task == Curve(units=3)
    assert build_task("curve").name == build_task("curve,units=3").name == "curve,units=3"
    assert build_task("curve,units=1").task == Curve(units=1)


def test_a_task_of_any_kind_describes_itself():
    facts = Sum().describe()
    json.dumps(facts)
    assert facts["parameters"] == 2
    assert (facts["name"], facts["gradient"], facts["metric"]) == ("sum", False, "r2")


def test_a_frozen_entry_belongs_to_name_and_settings(tmp_path, monkeypatch):
    entries = {
        "curve": {"version": 1, "test_metric": 0.5},
        "curve,units=4": {"version": 1, "test_metric": 0.7},
    }
    (tmp_path / "reference.json").write_text(json.dumps(entries))
    monkeypatch.setattr(sys.modules[__name__], "__file__", str(tmp_path / "tasks.py"))
    assert Curve.reference == Curve().reference == entries["curve"]
    assert Curve(units=4).reference == entries["curve,units=4"]
    assert Curve(units=5).reference is None


def test_show_lists_settings_with_their_meaning():
    shown = command("show", "parity", "--no-plugins").output
    assert "bits" in shown
    assert "bits of a row" in shown
    assert "in place of the task's own mode" in " ".join(shown.split())


def test_a_run_without_a_frozen_entry_has_no_score_and_the_cure_is_named(tmp_path):
    settings = {"learners": ["random-search", "sgd"], "repetitions": 1, "budget": 15, "keep_thetas": False}
    results = nogd.run(
        Experiment(tasks=[Curve(units=1), Curve(units=3)], **settings), out=tmp_path, jobs=0, progress=False
    )
    found = results.runs.set_index(["task", "learner"])["status"]
    assert found["curve,units=1", "sgd"] == "not-applicable"
    assert found["curve,units=3", "sgd"] == found["curve,units=1", "random-search"] == "budget"
    said = " ".join(repr(results).split())
    assert "'nogd targets freeze -t curve,units=3' freezes one" in said
