"""An experiment means the same as a file, as options and in Python; whatever is wrong is said in one sentence."""

from __future__ import annotations

import math
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar

import any_learner
import pytest
import torch
from any_learner import LEARNERS
from bench_help import WICKED, Watcher, command, rows
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nogd import Budget, Experiment
from nogd.bench.experiment import make_experiment
from nogd.bench.plan import plan
from nogd.bench.run import execute
from nogd.cli.selection import select
from nogd.errors import UserError
from nogd.learners.adam import Adam
from nogd.learners.random_search import RandomSearch
from nogd.plugins.manager import PluginSettings, configured
from nogd.tasks.classification import Iris

FILE = """
tasks = ["iris", "wine"]
repetitions = 3
budget = { forwards = 500, seconds = 2.5 }
threads = 2
timeout = 20

[[learners]]
use = "grid-search+adam"
label = "search, then refine"

[[learners]]
use = "adam"
lr = 0.003
rows = 16
"""
PYTHON: dict[str, Any] = {
    "tasks": ["iris", "wine"],
    "repetitions": 3,
    "budget": Budget(forwards=500, seconds=2.5),
    "threads": 2,
    "timeout": 20.0,
    "learners": [{"use": "grid-search+adam", "label": "search, then refine"}, Adam(lr=0.003, rows=16)],
}
OPTIONS = [
    "-l", "grid-search+adam", "-l", "adam,lr=0.003", "--set", "adam.rows=16", "-t", "iris", "-t", "wine",
    "--repetitions", "3", "--forwards", "500", "--seconds", "2.5", "--threads", "2", "--timeout", "20",
]  # fmt: skip


def ids(experiment: Experiment) -> list[str]:
    return [item.cell.id for item in plan(experiment)]


def file_of(folder: Path, text: str) -> Path:
    path = folder / "experiment.toml"
    path.write_text(text)
    return path


def printed(*options: object) -> str:
    result = command("run", *options, "--print-experiment")
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_file_python_and_options_mean_the_same(tmp_path: Path) -> None:
    file = make_experiment(file_of(tmp_path, FILE))
    options = make_experiment(tomllib.loads(printed(*OPTIONS)))
    assert ids(file) == ids(make_experiment(PYTHON)) == ids(options)
    assert len(ids(file)) == 2 * 2 * 3


def test_labels_decide_nothing_but_what_tables_say(tmp_path: Path) -> None:
    labelled = plan(make_experiment(file_of(tmp_path, FILE)))
    assert [item.cell.label for item in labelled[::2][:2]] == ["search, then refine", "adam,lr=0.003,rows=16"]


@pytest.mark.parametrize(
    "options",
    [
        OPTIONS,
        ["--all"],
        ["-l", "adam"],
        ["-t", "iris"],
        [
            "-l",
            "grid-search,bias_points=none",
            "-l",
            "hybrid,split=0.25",
            "--evaluations",
            "7",
            "--iterations",
            "9",
        ],
        [
            "-l",
            "grid-search",
            "--set",
            "grid-search.bias_points=none",
            "--set",
            "grid-search.early_stopping=false",
        ],
        [
            "-l",
            "grid-search,share=0.2+adam,lr=1e-3",
            "-t",
            "original",
            "--memory",
            "0.5",
            "--forwards",
            "0.5",
        ],
    ],
    ids=" ".join,
)
def test_what_is_printed_means_the_same_and_prints_the_same(tmp_path: Path, options: list[str]) -> None:
    text = printed(*options)
    path = file_of(tmp_path, text)
    assert printed(path) == text
    asked: dict[str, list[str]] = {"-l": [], "-t": [], "--set": []}
    for option, value in pairwise(options):
        if option in asked:
            asked[option].append(value)
    limits = ("forwards", "evaluations", "seconds", "iterations")
    rest: dict[str, Any] = {
        name: value_of(options, name) for name in (*limits, "repetitions", "threads", "timeout", "memory")
    }
    made = select(
        None, "--all" in options, tuple(asked["-l"]), tuple(asked["-t"]), tuple(asked["--set"]), rest
    )
    assert ids(make_experiment(path)) == ids(made)


def value_of(options: list[str], name: str) -> float | None:
    return float(options[options.index(f"--{name}") + 1]) if f"--{name}" in options else None


@pytest.mark.any_version
@settings(deadline=None, derandomize=True, max_examples=60)
@given(
    learners=st.lists(LEARNERS, min_size=1, max_size=3, unique_by=str),
    tasks=st.lists(st.sampled_from(["iris", "wine", "parity", "nogd/digits"]), max_size=2, unique=True),
    lr=st.sampled_from(["0.5", "1e-3", "inf", ""]),
    note=st.sampled_from(["none", "'none'", "(1, 2)", "a;b", ""]),
    limits=st.fixed_dictionaries(
        {}, optional={"forwards": st.floats(0.5, 1e12), "iterations": st.integers(1, 10**6)}
    ),
)
def test_what_is_printed_plans_the_same_cells(
    learners: list[Any], tasks: list[str], lr: str, note: str, limits: dict[str, Any]
) -> None:
    given = dict.fromkeys(("forwards", "evaluations", "seconds", "iterations")) | limits
    texts = tuple(map(str, learners))
    sets = [("adam.lr", lr, "adam"), ("test-wordy.note", note, "test-wordy")]
    asked = tuple(f"{name}={value}" for name, value, who in sets if value and who in "".join(texts))
    with configured(PluginSettings((any_learner.__file__,))):
        try:
            made = select(None, False, texts, tuple(tasks), asked, given)
            cells = [(item.cell.id, item.cell.label) for item in plan(made)]
        except UserError:
            assume(False)  # by a setting for all of them two have become one, or it is for none of them
        printed = make_experiment(tomllib.loads(made.to_toml()))
        assert [(item.cell.id, item.cell.label) for item in plan(printed)] == cells


@pytest.mark.parametrize(
    "words",
    [
        ["-l", "addam"],
        ["-t", "irsi"],
        ["-l", "adam", "-l", "adam,lr=0.1"],
        ["-t", "iris", "-t", "nogd/iris"],
        ["-l", "adam,lr=fast"],
        ["--all", "--device", "nowhere"],
        ["--all", "--jobs", -1],
        ["-l", "hybrid(adam,lr=no)"],
    ],
    ids=str,
)
def test_what_a_run_refuses_is_not_printed(words: list[object], tmp_path: Path) -> None:
    refused = command("run", *words, "--out", tmp_path / "runs")
    printed = command("run", *words, "--print-experiment")
    assert (refused.exit_code, printed.exit_code, printed.stdout) == (2, 2, "")
    assert printed.stderr == refused.stderr
    assert not (tmp_path / "runs").exists()


def test_settings_reach_a_learner_within_others_where_none_is_selected_itself() -> None:
    words = ["-l", "grid-search,points=3+adam", "-l", "hybrid(random-search)", "-l", "adam", "-t", "iris"]
    sets = ["--set", "adam.lr=0.5", "--set", "grid-search.points=4", "--set", "random-search.population=3"]
    labels = [item.cell.label for item in plan(make_experiment(tomllib.loads(printed(*words, *sets))))]
    assert labels[:3] == ["grid-search,points=4+adam", "hybrid(random-search,population=3)", "adam,lr=0.5"]


@pytest.mark.parametrize("depth", [200, 5_000, 100_000])
def test_a_file_that_is_nested_deep_is_one_sentence(tmp_path: Path, depth: int) -> None:
    path = file_of(tmp_path, "tasks = " + "[" * depth + "]" * depth)
    wrong("experiment.toml" if depth > 1_000 else "tasks", "run", path)


def test_defaults_are_not_printed() -> None:
    assert tomllib.loads(printed("--all")) == {}
    assert tomllib.loads(printed("-l", "adam")) == {"learners": [{"use": "adam"}]}


def test_options_overrule_the_file(tmp_path: Path) -> None:
    path = file_of(tmp_path, FILE)
    read = tomllib.loads(printed(path, "-l", "sgd", "--seconds", "9", "--repetitions", "1"))
    assert read["learners"] == [{"use": "sgd"}]
    assert read["budget"] == {"forwards": 500, "seconds": 9}
    assert (read["repetitions"], read["tasks"], read["threads"]) == (1, ["iris", "wine"], 2)


def test_all_beside_a_file_means_all(tmp_path: Path) -> None:
    read = tomllib.loads(printed(file_of(tmp_path, FILE), "--all"))
    assert "learners" not in read
    assert "tasks" not in read
    assert read["threads"] == 2
    assert tomllib.loads(printed(file_of(tmp_path, FILE), "--all", "-l", "sgd"))["learners"] == [
        {"use": "sgd"}
    ]


def test_short_forms_mean_the_same_as_long_ones() -> None:
    short = make_experiment({"learners": "adam", "tasks": "iris", "budget": 50})
    long = make_experiment({"learners": [{"use": "adam"}], "tasks": ["iris"], "budget": {"forwards": 50}})
    assert ids(short) == ids(long) == ids(make_experiment({"learners": Adam, "tasks": Iris, "budget": 50.0}))
    assert ids(make_experiment(short, repetitions=None)) == ids(short)


def test_a_learner_may_have_its_own_budget(tmp_path: Path) -> None:
    text = 'tasks = "iris"\nlearners = ["adam", { use = "sgd", budget = { forwards = 10 } }]\n'
    cells = [item.cell for item in plan(make_experiment(file_of(tmp_path, text)))]
    assert {cell.label: cell.budget["forwards"] for cell in cells}["sgd"] == 10
    assert {cell.label: cell.budget["forwards"] for cell in cells}["adam"] == Iris.budget


def test_what_only_python_holds_is_not_written() -> None:
    for learner, task in ((Adam(), "iris"), ("adam", Iris)):
        with pytest.raises(UserError, match="made in Python and cannot be written to a file"):
            make_experiment({"learners": [learner], "tasks": [task]}).to_toml()


def test_what_decides_a_result_decides_the_id() -> None:
    def one(**more: Any) -> str:
        return ids(
            make_experiment({"learners": "adam", "tasks": "iris", "repetitions": 1, "budget": 50} | more)
        )[0]

    others = [
        {"learners": "adam,lr=0.9"},
        {"tasks": "wine"},
        {"budget": 51},
        {"budget": {"seconds": 50}},
        {"threads": 2},
    ]
    assert len({one(), *(one(**other) for other in others)}) == 6
    same = [{"timeout": 1}, {"memory": 1}, {"reference": "sgd"}, {"learners": {"use": "adam", "label": "x"}}]
    assert {one(**other) for other in same} == {one()}


def test_a_tasks_mode_decides_the_id(monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_experiment({"learners": "adam", "tasks": "iris", "repetitions": 1})
    in_eval = plan(made)[0].cell
    monkeypatch.setattr(Iris, "mode", "train")
    in_train = plan(made)[0].cell
    assert (in_eval.mode, in_train.mode) == ("eval", "train")
    assert in_eval.id != in_train.id
    monkeypatch.setattr(Iris, "mode", "test")
    with pytest.raises(UserError, match=r"the mode of task 'iris' must be \"eval\".*not 'test'"):
        plan(made)


def test_an_infinite_hyper_parameter_is_a_setting_like_any_other() -> None:
    cells = plan(make_experiment({"learners": ["adam,lr=inf", "adam"], "tasks": "iris", "repetitions": 1}))
    assert cells[0].cell.learner["settings"]["lr"] == "inf"
    assert len({item.cell.id for item in cells}) == 2
    assert Adam(lr=cells[0].cell.learner["settings"]["lr"]) == Adam(lr=math.inf)


# Every way to be wrong


WRONG: dict[str, list[object]] = {
    "No learner is named 'addam'; did you mean 'adam'?": ["-l", "addam"],
    "No task is named 'irsi'; did you mean 'iris'?": ["-t", "irsi"],
    "No such option": ["--all", "--repetition", 3],
    "adam has no hyper-parameter 'learn'": ["-l", "adam,learn=1"],
    "grid-search has no hyper-parameter 'point'; did you mean 'points'?": ["-l", "grid-search,point=3"],
    "grid-search: points = 'many' is not right": ["-l", "grid-search,points=many"],
    "grid-search: points = '1' is not right: input should be greater than or equal to 2": [
        "-l",
        "grid-search,points=1",
    ],
    "grid-search: points = '0' is not right": ["--all", "--set", "grid-search.points=0"],
    "no selected learner is named 'sdg'; did you mean 'sgd'?": ["--all", "--set", "sdg.lr=1"],
    "--set adam: write it as LEARNER.PARAM=VALUE": ["--all", "--set", "adam"],
    "'adam,lr' does not parse": ["-l", "adam,lr"],
    "gives a share": ["-l", "adam,share=0.5"],
    "the shares in": ["-l", "adam,share=0+sgd"],
    "nothing is selected": [],
    "--all cannot be combined with both -l and -t": ["--all", "-l", "adam", "-t", "iris"],
    "are the same learner": ["-l", "adam,lr=0.5", "-l", "adam,lr=0.50", "-t", "iris"],
    "task 'iris' is given twice": ["-l", "adam", "-t", "iris", "-t", "iris"],
    "jobs must be 0 (in this process) or more, not -1": ["-l", "adam", "--jobs", -1],
    "repetitions = 0 is not right": ["--all", "--repetitions", 0],
    "threads = 0 is not right": ["--all", "--threads", 0],
    "timeout = 0.0 is not right": ["--all", "--timeout", 0],
    "memory = -1.0 is not right": ["--all", "--memory", -1],
    "memory = inf is not right": ["--all", "--memory", "inf"],
    "budget.forwards = -5.0 is not right": ["--all", "--forwards", -5],
    "budget.seconds = nan is not right": ["--all", "--seconds", "nan"],
    "a limit must be finite; leave it out": ["--all", "--forwards", "inf"],
    "'x' is not a valid integer": ["--all", "--repetitions", "x"],
    "device 'nowhere' is not available on this machine": ["-l", "adam", "--device", "nowhere"],
    "there is no experiment file 'missing.toml'": ["missing.toml"],
    "No command is named 'rum'; did you mean 'run'?": ["!rum"],
}


@pytest.mark.parametrize("sentence", WRONG)
def test_a_wrong_option_is_one_sentence(
    sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = WRONG[sentence]
    wrong(sentence, *(["rum"] if words == ["!rum"] else ["run", *words]))
    assert list(tmp_path.iterdir()) == []


def wrong(sentence: str, *words: object) -> None:
    result = command(*words)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    [line] = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert result.stderr.splitlines()[-1] == line
    assert sentence in line, line


FILES = {
    "budget = {} is not right: a budget limits something: give forwards": "budget = {}",
    "budget = {} is not right: a budget limits": '[[learners]]\nuse = "adam"\nbudget = {}',
    "is not valid TOML": "tasks = [",
    "an experiment has no setting 'task'; did you mean 'tasks'?": 'task = "iris"',
    "there is no setting 'budget.forward'": "budget = { forward = 3 }",
    "does not say what to use": "[[learners]]\nlr = 0.1",
    "adam has no hyper-parameter 'lrr'; did you mean 'lr'?": '[[learners]]\nuse = "adam"\nlrr = 1',
    "adam: lr = -1 is not right": '[[learners]]\nuse = "adam"\nlr = -1',
    "two learners are named 'best'": 'learners = [{use = "adam", label = "best"}, {use = "sgd", label = "best"}]',
    "repetitions = 'five' is not right": 'repetitions = "five"',
    "tasks.0": "tasks = 5",
    "budget = 'much' is not right": 'budget = "much"',
    "could belong to any learner": '[[learners]]\nuse = "adam+sgd"\nlr = 1',
}


@pytest.mark.parametrize("sentence", FILES)
def test_a_wrong_file_is_one_sentence(sentence: str, tmp_path: Path) -> None:
    wrong(sentence, "run", file_of(tmp_path, FILES[sentence]), "--out", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "sentence", [sentence for sentence in FILES if "setting" in sentence or "TOML" in sentence]
)
def test_a_wrong_file_is_named(sentence: str, tmp_path: Path) -> None:
    wrong("experiment.toml", "run", file_of(tmp_path, FILES[sentence]))


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    wrong("cannot be read: Is a directory", "run", tmp_path)
    (tmp_path / "x.toml").write_bytes(b"\xff\xfe")
    wrong("is not valid TOML", "run", tmp_path / "x.toml")


def test_a_folder_that_cannot_be_one_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for name in ("run", "runs", "export", "rerun"):
        more = {"run": ["-l", "adam", "-t", "iris"], "rerun": ["abc"]}.get(name, [])
        wrong(str(tmp_path / "file"), name, *more, "--out", tmp_path / "file")


def test_debug_shows_the_traceback_before_the_sentence() -> None:
    result = command("run", "-l", "addam", "--debug")
    assert result.exit_code == 2
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("Error: No learner is named 'addam'")


def test_in_python_the_same_sentences_are_raised() -> None:
    with pytest.raises(UserError, match="did you mean 'repetitions'"):
        make_experiment(None, repetition=3)
    with pytest.raises(UserError, match="valid string"):
        make_experiment({"learners": [5]})


def test_a_third_party_task_with_nan_in_its_data_is_a_row_that_says_so(tmp_path: Path) -> None:
    with configured(PluginSettings((str(WICKED),))):
        made = make_experiment(
            {"learners": "adam", "tasks": ["holes", "iris"], "repetitions": 1, "budget": 20}
        )
        summary = execute(made, tmp_path, jobs=0, fresh=False, progress=Watcher())
    assert (summary.ran, summary.failed) == (2, 1)
    found = {row["task"]: row for row in rows(tmp_path)}
    assert found["iris"]["status"] == "budget"
    assert found["holes"]["status"] == "error"
    assert "holes" in found["holes"]["reason"]
    assert "not finite" in found["holes"]["reason"] or "NaN" in found["holes"]["reason"]
    assert "\n" not in found["holes"]["reason"]


class Mine(RandomSearch):
    """A learner that nobody has registered."""

    name: ClassVar[str] = "mine"


def test_learners_and_tasks_of_ones_own_need_no_plugin() -> None:
    cells = plan(make_experiment({"learners": [Mine(population=3)], "tasks": [Iris], "repetitions": 1}))
    assert cells[0].cell.label == "mine,population=3"
    assert cells[0].cell.learner["package"] == __name__
    assert cells[0].cell.learner["version"].startswith("src.")


def test_planning_loads_no_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> tuple[torch.Tensor, torch.Tensor]:
        raise AssertionError("data were loaded")

    monkeypatch.setattr("nogd.tasks.datasets.Iris.load", load)
    assert ids(make_experiment({"learners": "adam", "tasks": "iris"}))
