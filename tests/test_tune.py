"""`nogd tune`: ranges from fields, trials by the bench, a study that is kept, and what it found as a setting."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, ClassVar, Literal

import optuna
import pytest
from bench_help import WICKED, command, rows
from click.testing import Result
from own_tables import customers
from pydantic import Field

from nogd import Learner
from nogd.bench import fork_servers
from nogd.bench.columns import CURVE_COLUMNS
from nogd.errors import InvalidSetting
from nogd.training.names import build
from nogd.tuning.dimension import Dimension
from nogd.tuning.space import dimension_of, parsed_range, search_space
from nogd.tuning.trials import WORST, _mean_of_tasks

SMALL = ("--repetitions", 1, "--forwards", 20, "--jobs", 0)


def tune(folder: Path, *words: object) -> Result:
    return command("--no-plugins", "tune", *words, *SMALL, "--out", folder)


def trials(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)["trials"]
    return found


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Four trials on two tasks."""
    folder = tmp_path_factory.mktemp("tuned") / "study"
    return folder, tune(folder, "adam", "-t", "iris", "-t", "wine", "--trials", 4)


def test_a_table_of_trials_ends_in_a_name_to_paste(done: tuple[Path, Result]) -> None:
    folder, result = done
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].split() == [
        "TRIAL",
        "VALIDATION",
        "FORWARDS",
        "FAILED",
        "lr",
        "beta1",
        "beta2",
        "rows",
        "plateau",
    ]
    assert [line.split()[0] for line in lines[1:5]] == ["1", "2", "3", "4"]
    assert lines[1].split()[4:7] == ["0.1", "0.9", "0.999"]  # the defaults come first
    assert lines[-1].startswith("adam,lr=")
    again = command("--no-plugins", "run", "-l", lines[-1], "-t", "iris", *SMALL, "--out", folder / "run")
    assert again.exit_code == 0, again.output
    assert "trial 4 of 4" in result.stderr


@pytest.mark.slow
def test_worker_processes_come_from_one_server_for_all_trials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    class Counted(fork_servers.ForkServer):
        def __init__(self, threads: int) -> None:
            started.append(threads)
            super().__init__(threads)

    monkeypatch.setattr(fork_servers, "ForkServer", Counted)
    words = ("random-search", "-t", "iris", "--trials", 2, "--repetitions", 1, "--forwards", 20, "--jobs", 1)
    result = command("--no-plugins", "tune", *words, "--out", tmp_path)
    assert result.exit_code == 0, result.output
    assert [row["status"] for row in rows(tmp_path)] == ["budget"] * 2
    assert started == [1]


def test_forwards_are_those_of_the_runs(done: tuple[Path, Result]) -> None:
    spent = sum(row["forwards"] for row in rows(done[0]))
    assert f"4 trials, {spent:,.0f} forwards." in done[1].stdout
    assert len(rows(done[0])) == 8


def test_it_goes_on_where_it_was_and_the_same_seed_gives_the_same_trials(
    done: tuple[Path, Result], tmp_path: Path
) -> None:
    words = ("adam", "-t", "iris", "-t", "wine", "--json", "--trials")
    on = tune(done[0], *words, 12)
    assert "4 trials are kept from before" in on.stderr
    whole = tune(tmp_path / "whole", *words, 12)
    assert "are kept" not in whole.stderr
    assert [each["use"] for each in trials(on)] == [each["use"] for each in trials(whole)]
    assert [each["value"] for each in trials(on)] == [each["value"] for each in trials(whole)]
    assert len(trials(tune(done[0], *words, 3))) == 3
    other = tune(tmp_path / "other", *words, 2, "--seed", 1)
    assert trials(other)[0]["use"] == trials(on)[0]["use"]
    assert trials(other)[1]["use"] != trials(on)[1]["use"]


def test_other_ranges_are_another_study_in_the_same_folder(done: tuple[Path, Result]) -> None:
    found = trials(tune(done[0], "adam", "-t", "iris", "--trials", 2, "--only", "lr", "--json"))
    assert [list(each["settings"]) for each in found] == [["lr"], ["lr"]]
    held = trials(
        tune(done[0], "adam,lr=0.01", "-t", "iris", "--trials", 2, "--range", "beta1=0.5:0.6", "--json")
    )
    assert all(each["use"].startswith("adam,lr=0.01") for each in held)
    assert 0.5 <= held[0]["settings"]["beta1"] <= 0.6


def test_the_study_is_one_that_optuna_reads(done: tuple[Path, Result]) -> None:
    file = optuna.storages.journal.JournalFileBackend(str(done[0] / "study.log"))
    studies = optuna.get_all_study_summaries(optuna.storages.JournalStorage(file))
    assert any(study.study_name.startswith("adam on iris, wine (") for study in studies)


def test_it_is_judged_by_validation_alone() -> None:
    place = CURVE_COLUMNS.index("validation_loss")

    def run(task: str, loss: float | None, status: str = "ok", start: float = 2.0) -> tuple[Any, Any]:
        curve = [[0.0] * len(CURVE_COLUMNS)]
        curve[0][place] = start
        name = f"{task} {loss} {status} {start}"
        row = {"id": name, "task": task, "status": status, "validation_loss": loss, "reason": ""}
        return row, (name, curve)

    def value(*runs: tuple[Any, Any]) -> float:
        import numpy as np

        return _mean_of_tasks([row for row, _ in runs], {name: np.array(curve) for _, (name, curve) in runs})

    assert value(run("a", 1.0)) == 0.5
    assert value(run("a", 1.0), run("a", 2.0), run("b", 0.5)) == pytest.approx((0.75 + 0.25) / 2)
    assert value(run("a", 1.0, "diverged")) == value(run("a", None)) == value(run("a", 1e9)) == WORST
    assert value(run("a", float("nan"))) == value(run("a", 1.0, "timeout")) == WORST
    assert value(run("a", -200.0, start=-10.0)) == -18.0  # a return of 200 in place of 10


class Odd(Learner):
    """Fields of all kinds."""

    name: ClassVar[str] = "odd"
    lr: float = Field(0.1, gt=0)
    momentum: float = Field(0.99, ge=0, lt=1)
    crossover: float = Field(0.25, gt=0, lt=1)
    sigma: float | None = Field(None, gt=0)
    decay: float = Field(0.0, ge=0)
    population: int = Field(16, ge=2, multiple_of=2)
    parents: int | None = Field(None, ge=8)
    rule: Literal["a", "b"] = "a"
    mirrored: bool = False
    tolerance: float = Field(1e-6, ge=0)
    words: str = ""

    def init(self, objective: Any, theta: Any, rng: Any) -> Any: ...
    def step(self, objective: Any, state: Any) -> None: ...


RANGES = {
    "lr": "0.001 to 10, logarithmic",
    "momentum": "0 to 1, finer near 1",
    "crossover": "0.01 to 0.99",
    "sigma": "0.001 to 10, logarithmic, or None",
    "decay": "0.001 to 10, logarithmic, or 0.0",
    "population": "2 to 128, logarithmic",
    "parents": "8 to 256, logarithmic, or None",
    "rule": "a, b",
    "mirrored": "False, True",
}


def test_where_each_kind_of_field_is_searched() -> None:
    assert {each.name: each.told for each in search_space(Odd())} == RANGES
    assert [each.name for each in search_space(Odd(lr=0.3), only=["rule", "tolerance"])] == [
        "rule",
        "tolerance",
    ]
    assert dimension_of("words", Odd.model_fields["words"]) is None


@pytest.mark.parametrize("name", RANGES)
def test_what_is_suggested_is_valid_and_the_default_is_the_first(name: str) -> None:
    [space] = search_space(Odd(), only=[name])
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    study.enqueue_trial(space.default_parameters)
    values = [space.suggest(study.ask()) for _ in range(40)]
    assert values[0] == getattr(Odd(), name)
    assert len({repr(value) for value in values}) > 1
    for value in values:
        assert getattr(Odd(**{name: value}), name) == value
        assert len(repr(value)) <= 8


def test_limits_of_ones_own() -> None:
    [space] = search_space(Odd(), ranges={"momentum": (0.5, 0.9)})
    assert space == Dimension("momentum", "float", 0.99, 0.5, 0.9)
    assert space.default_parameters == {}
    assert search_space(Odd(), ranges={"sigma": (0.01, 1.0)})[0].told == "0.01 to 1, logarithmic, or None"
    assert parsed_range("max-speed=1e-3:2") == ("max_speed", (1e-3, 2.0))
    for wrong, words in {
        "momentum=0.5:2": "momentum",
        "sigma=-1:1": "sigma = .* is not right",
        "rule=0:1": "rule of .* is a choice, which has no limits: search it by --only rule",
        "population=9.2:9.7": "population of .* has no value from 9.2 to 9.7; widen the range",
    }.items():
        with pytest.raises(InvalidSetting, match=words):
            search_space(Odd(), ranges=dict([parsed_range(wrong)]))
    for wrong in ("lr", "lr=1", "lr=2:1", "lr=a:b", "lr=0:inf"):
        with pytest.raises(InvalidSetting, match="NAME=LOW:HIGH"):
            parsed_range(wrong)


WRONG = {
    "unknown learner": (("adma", "-t", "iris"), "No learner is named 'adma'; did you mean 'adam'?"),
    "no task": (("adam",), "say on which task to judge"),
    "no validation data": (("adam", "-t", "parity"), "the task 'parity' has no validation data"),
    "not applicable": (
        ("adam", "-t", "breast-cancer-sign"),
        "adam cannot do the task 'breast-cancer-sign': adam needs",
    ),
    "unknown hyper-parameter": (
        ("adam", "-t", "iris", "--only", "lrr"),
        "no hyper-parameter 'lrr'; did you mean 'lr'?",
    ),
    "a learner within": (("hybrid", "-t", "iris", "--only", "first"), "it is no number and no choice"),
    "given": (("adam,lr=0.1", "-t", "iris", "--only", "lr"), "lr of adam cannot be searched: it is given"),
    "sequence": (("adam+sgd", "-t", "iris"), "adam+sgd is a sequence of learners"),
    "nothing left": (("random-search,population=3", "-t", "iris"), "has no hyper-parameters to search"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_one_sentence(name: str, tmp_path: Path) -> None:
    words, sentence = WRONG[name]
    result = tune(tmp_path, *words)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_without_optuna_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    result = tune(tmp_path, "adam", "-t", "iris")
    assert result.exit_code == 2
    assert "install it with pip install 'nogd[tune]'" in result.stderr


def test_a_file_that_is_no_study_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "study.log").write_text("nonsense\nnonsense\n")
    result = tune(tmp_path, "adam", "-t", "iris")
    assert result.exit_code == 2
    assert "is no study of Optuna any more" in result.stderr


PICKY = """
from typing import ClassVar
from pydantic import Field, model_validator
from nogd import Learner, Population, State, hookimpl

class Picky(Learner):
    'Stay where it is; two settings that do not go together.'
    name: ClassVar[str] = "picky"
    least: float = Field(0.2, ge=0, le=1)
    most: float = Field(0.8, ge=0, le=1)

    @model_validator(mode="after")
    def _in_order(self):
        if self.least > self.most:
            raise ValueError("least is above most")
        return self

    def init(self, objective, theta, rng):
        return State(theta=theta)

    def step(self, objective, state):
        objective.losses(Population(state.theta[None]))
        state.iteration += 1

@hookimpl
def nogd_learners():
    return [Picky]
"""


def test_settings_that_do_not_go_together_are_the_worst_trial_and_no_end(tmp_path: Path) -> None:
    (tmp_path / "picky.py").write_text(PICKY)
    words = ("tune", "picky", "-t", "iris", "--trials", 6, *SMALL, "--out", tmp_path / "study")
    found = trials(command("--plugin", tmp_path / "picky.py", *words, "--json"))
    ordered = [each["settings"]["least"] <= each["settings"]["most"] for each in found]
    assert len(set(ordered)) == 2
    assert [each["value"] == WORST for each in found] == [not each for each in ordered]
    assert all("least is above most" in " ".join(each["reasons"]) for each in found if each["value"] == WORST)


def test_runs_that_fail_are_counted_and_told_with_their_reason(tmp_path: Path) -> None:
    words = ("raises", "-t", "iris", "--only", "sigma", "--trials", 2, *SMALL, "--out", tmp_path)
    result = command("--plugin", WICKED, "tune", *words)
    assert result.exit_code == 0, result.output
    assert [line.split()[1:4:2] for line in result.stdout.splitlines()[1:3]] == [["10", "1"]] * 2
    assert "2 runs failed" in result.stdout
    assert "Failed: iris: ValueError: bad luck" in result.stdout


def test_on_a_table_of_ones_own(tmp_path: Path) -> None:
    customers().to_csv(tmp_path / "customers.csv", index=False)
    words = ("--csv", tmp_path / "customers.csv", "--target", "churned", "--only", "lr", "--trials", 2)
    result = tune(tmp_path / "study", "adam", *words)
    assert result.exit_code == 0, result.output
    assert {row["task"] for row in rows(tmp_path / "study")} == {"customers-churned"}
    assert build(result.stdout.splitlines()[-1]).name == "adam"
