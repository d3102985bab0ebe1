"""A table of one's own becomes a task: from the command to the leaderboard, and what it says of tables that do not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from bench_help import command, rows
from click.testing import Result
from own_tables import customers

from nogd import TableData
from nogd.errors import DataError, UserError
from nogd.problem.dataset import parts_of
from nogd.problem.splits import Split, balanced
from nogd.problem.task import SupervisedTask
from nogd.report.forms.markdown import markdown
from nogd.report.forms.notebook import notebook
from nogd.report.results import load_results
from nogd.scaffold.columns import looked_at
from nogd.scaffold.table_target import target_of
from nogd.scaffold.table_task import TableTask, table_task, told

QUICK = (
    "-l",
    "random-search",
    "-l",
    "random-features,draws=2",
    "--forwards",
    40,
    "--repetitions",
    2,
    "--jobs",
    0,
)


def run(*words: object) -> Result:
    return command("--no-plugins", "run", *words)


def made_of(task: TableTask) -> SupervisedTask:
    """The task that the file of it offers."""
    namespace: dict[str, Any] = {"__name__": "written"}
    exec(task.as_python(), namespace)
    made: SupervisedTask = namespace["Task"]()
    return made


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "customers.csv"
    customers().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def done(table: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    folder = tmp_path_factory.mktemp("own") / "runs"
    return folder, run("--csv", table, "--target", "churned", *QUICK, "--out", folder)


def test_from_a_messy_table_to_the_leaderboard(done: tuple[Path, Result]) -> None:
    folder, result = done
    assert result.exit_code == 0, result.output
    for said in (
        "591 rows of customers.csv, without the 9 that have no target",
        "balanced-accuracy as they are unbalanced",
        "entries such as '?' count as missing (6)",
        "customer id (numbers the rows)",
        "country (the same in each row)",
    ):
        assert said in " ".join(result.stderr.split())
    assert [row["task"] for row in rows(folder)] == ["customers-churned"] * 4
    assert {row["status"] for row in rows(folder)} <= {"budget", "ok"}
    head = result.stdout.splitlines()[0].split()
    assert head[2:4] == ["metric", "range"]
    assert "Metric: balanced-accuracy on test data (0.500 = best constant predictor)" in result.stdout
    file = folder / "tasks" / "customers_churned.py"
    assert f"targets freeze -t customers-churned --plugin {file}" in " ".join(result.stdout.split())


def test_the_page_tells_the_metric_too(done: tuple[Path, Result]) -> None:
    page = (done[0] / "report.html").read_text(encoding="utf-8")
    assert "Ordered by mean rank, as the task has no scale for scores." in page
    results = load_results(done[0])
    header = next(line for line in markdown(results).splitlines() if line.startswith("| #"))
    assert "| metric | range | rank |" in header
    assert "score" not in header
    assert "<th>metric</th>" in notebook(results)


def test_the_same_command_runs_nothing_again_and_other_data_do(
    table: Path, done: tuple[Path, Result]
) -> None:
    again = run("--csv", table, "--target", "churned", *QUICK, "--out", done[0])
    assert "4/4 runs done" not in again.stderr
    assert again.stdout.splitlines()[:3] == done[1].stdout.splitlines()[:3]
    other = table.with_name("other") / table.name
    other.parent.mkdir()
    customers().assign(age=1.0).to_csv(other, index=False)
    fresh = run("--csv", other, "--target", "churned", *QUICK, "--out", done[0])
    assert "4/4 runs done" in fresh.stderr


def test_the_printed_task_gives_the_same_results(
    table: Path, done: tuple[Path, Result], tmp_path: Path
) -> None:
    printed = run("--csv", table, "--target", "churned", "--print-task")
    assert printed.exit_code == 0
    mine = tmp_path / "mine.py"
    mine.write_text(printed.stdout, encoding="utf-8")
    result = command(
        "run", "--plugin", mine, "-t", "mine/customers-churned", *QUICK, "--out", tmp_path / "runs"
    )
    assert result.exit_code == 0, result.output
    same = ("learner", "repetition", "loss", "test_metric")

    def facts(folder: Path) -> list[list[Any]]:
        return sorted([row[name] for name in same] for row in rows(folder) if row["session"] == 1)

    assert facts(tmp_path / "runs") == facts(done[0])


@pytest.mark.slow
def test_worker_processes_find_it_and_a_rerun_does(table: Path, tmp_path: Path) -> None:
    words = (
        "-l",
        "random-search",
        "--forwards",
        20,
        "--repetitions",
        1,
        "--jobs",
        1,
        "--out",
        tmp_path / "runs",
    )
    result = run("--csv", table, "--target", "churned", *words)
    assert result.exit_code == 0, result.output
    [row] = rows(tmp_path / "runs")
    assert row["status"] == "budget"
    file = tmp_path / "runs" / "tasks" / "customers_churned.py"
    again = command("--plugin", file, "rerun", row["id"], "--out", tmp_path / "runs")
    assert "the same curve, bit for bit" in again.output
    lost = command("rerun", row["id"], "--out", tmp_path / "runs")
    assert f"a table of your own: add --plugin {file}." in lost.stderr


def test_what_is_learnt_is_learnt_from_the_training_split_alone(table: Path, tmp_path: Path) -> None:
    task = made_of(table_task(table, "churned"))
    data = task.data()
    _, *held_out = parts_of(data, numbers := task.rows_of_splits())
    changed = customers()
    kept = changed.index[changed["churned"].notna()]
    elsewhere = kept[torch.cat(numbers[1:]).numpy()]
    changed.loc[elsewhere, "income"] = 1e9
    changed.loc[elsewhere, "city"] = "Atlantis"
    changed.to_csv(tmp_path / "customers.csv", index=False)
    other = made_of(table_task(tmp_path / "customers.csv", "churned"))
    here, there = task.problem(0), other.problem(0)
    assert torch.equal(here.train.inputs, there.train.inputs)
    assert here.test is not None
    assert there.test is not None
    assert not torch.equal(here.test.inputs, there.test.inputs)
    assert torch.equal(here.test.inputs, held_out[1].inputs)


def test_classes_weigh_alike_in_training_and_nowhere_else(table: Path) -> None:
    task = made_of(table_task(table, "churned"))
    problem = task.problem(0)
    assert problem.test is not None
    assert 0.4 < float(problem.train.targets.mean()) < 0.6
    assert float(problem.test.targets.mean()) < 0.1
    assert len(problem.train.inputs.unique(dim=0)) == 354  # 60 % of 591: none is new
    assert problem.train.inputs.shape[1] == task.input_features()


def test_balanced_repeats_whole_examples_of_classes_alone() -> None:
    data = Split(torch.arange(7.0)[:, None], torch.tensor([0, 0, 0, 0, 1, 1, 2]))
    rows = balanced(data)
    assert rows.targets.bincount().tolist() == [4, 4, 4]
    assert sorted(set(rows.inputs[:, 0].tolist())) == list(range(7))
    with pytest.raises(DataError, match="no classes cannot be balanced"):
        balanced(Split(torch.zeros(3, 1), torch.tensor([[0.1], [0.2], [0.3]])))


def test_gaps_words_and_rare_words(tmp_path: Path) -> None:
    class Held(TableData):
        name = "held"
        file = tmp_path / "held.csv"
        target = "y"
        numbers = ("a",)
        categories = ("c",)
        rare = 2

    words = ["x"] * 5 + ["y"] * 3 + ["z", None]
    pd.DataFrame({"a": [1.0, np.inf, 3, 5, *[np.nan] * 6], "c": words, "y": range(10)}).to_csv(
        Held.file, index=False
    )
    inputs, _ = Held().load()
    found = np.asarray(Held().fit(SimpleNamespace(inputs=inputs))(inputs))
    # the number, where it is missing, x, y, and one for what is rare: z and the gap
    assert found.shape == (10, 5)
    assert found[:, 2:].sum(axis=1).tolist() == [1.0] * 10
    assert found[-1, 4] == found[-2, 4] == 1
    assert found[1, 0] == found[2, 0]  # the median, 3


MANY = 40
COLUMNS = {
    "number": ("number", list(range(20, 20 + MANY))),
    "numbers with odd entries": ("number", ["1.5", "?"] + ["2"] * (MANY - 2)),
    "yes and no": ("number", [True, False] * (MANY // 2)),
    "words": ("category", ["May", "March"] * (MANY // 2)),
    "versions": ("category", ["1.2.3", "10.2.1"] * (MANY // 2)),
    "iso": ("date", ["2020-01-02", "2021-05-06T10:00:00"] * (MANY // 2)),
    "american": ("date", ["01/02/2020", "12/25/2020"] * (MANY // 2)),
    "european": ("date", ["01/02/2020", "25/12/2020"] * (MANY // 2)),
    "zones": ("date", ["2020-01-02T10:00:00+01:00", "2021-05-06T10:00:00+02:00"] * (MANY // 2)),
    "ids": ("left out", list(range(MANY))),
    "customer_id": ("left out", list(range(7, 7 + 2 * MANY, 2))),
    "texts": ("left out", [f"text {number}" for number in range(MANY)]),
    "constant": ("left out", ["x"] * MANY),
    "empty": ("left out", [None] * MANY),
    "lists": ("left out", [[1]] * MANY),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_what_a_column_is(name: str) -> None:
    kind, values = COLUMNS[name]
    assert looked_at(name, pd.Series(values)).kind == kind


def test_dates_that_could_be_read_in_two_ways_are_read_in_the_one_that_fits_all() -> None:
    assert looked_at("d", pd.Series(COLUMNS["american"][1])).form == "%m/%d/%Y"
    assert looked_at("d", pd.Series(COLUMNS["european"][1])).form == "%d/%m/%Y"


@pytest.mark.parametrize(
    ("values", "wanted", "classes"),
    [
        (["v", "u"] * 20, "auto", ["u", "v"]),
        ([10, 9] * 20, "auto", ["9", "10"]),
        ([1, 0, None, 0] * 10, "auto", ["0", "1"]),
        ([True, False] * 20, "auto", ["False", "True"]),
        ([0.5, 1.5] * 20, "auto", ["0.5", "1.5"]),
        (list(range(40)), "auto", []),
        ([1, 2, 3, 4] * 10, "auto", ["1", "2", "3", "4"]),
        ([1, 2, 3, 4] * 10, "number", []),
        ([0.1 * number for number in range(40)], "classes", [f"{0.1 * number}" for number in range(40)]),
    ],
)
def test_what_a_target_is(values: list[Any], wanted: Any, classes: list[str]) -> None:
    assert list(target_of("y", pd.Series(values), wanted).sizes) == sorted(
        classes, key=lambda each: (float(each), each) if each[0].isdigit() else (0.0, each)
    )


REGRESSION = pd.DataFrame(
    {"size": np.linspace(0, 1, 40), "town": ["a", "b"] * 20, "rent": np.linspace(3, 9, 40)}
)


def test_a_number_is_learnt_standardised_and_judged_by_r2(tmp_path: Path) -> None:
    REGRESSION.to_csv(tmp_path / "flats.csv", index=False, sep=";", decimal=",")
    planned = table_task(tmp_path / "flats.csv", "rent")
    task = made_of(planned)
    assert (task.name, task.metric, task.loss, planned.decimal) == ("flats-rent", "r2", "mse", ",")
    problem = task.problem(0)
    assert float(problem.train.targets.mean()) == pytest.approx(0, abs=1e-6)
    assert problem.train.inputs.shape == (25, 3)


def test_parquet_and_many_classes(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "t.parquet"
    dates = pd.date_range("2020-01-01", periods=60)
    pd.DataFrame({"d": dates, "y": pd.Categorical(["p", "q", "r"] * 20)}).to_parquet(path)
    task = made_of(table_task(path, "y"))
    problem = task.problem(0)
    assert (task.loss, task.metric) == ("cross-entropy", "accuracy")
    assert problem.train.targets.dtype == torch.int64
    assert problem.train.inputs.shape == (36, 1)


def test_names_that_python_and_the_template_could_trip_over(tmp_path: Path) -> None:
    odd = pd.DataFrame({'a"\\\n': np.arange(40) ** 2, "{{ x }}": ["p", "q"] * 20, 'y"""': ["a'", 'b"'] * 20})
    odd.to_csv(tmp_path / 'my "file".csv', index=False)
    task = made_of(table_task(tmp_path / 'my "file".csv', 'y"""'))
    assert task.name == "my-file-y"
    assert task.problem(0).train.inputs.shape == (24, 3)


def write(path: Path, content: str | bytes | pd.DataFrame) -> Path:
    if isinstance(content, pd.DataFrame):
        content.to_csv(path, index=False)
    else:
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


TWO = pd.DataFrame({"age": range(20, 60), "y": ["u", "v"] * 20})
WRONG: dict[str, tuple[str | bytes | pd.DataFrame, str | None, str]] = {
    "empty": ("", "y", "is empty: a table has a row of names"),
    "no rows": ("a,y\n", "y", "has no rows of data"),
    "no target given": (TWO, None, "say which column is to be learnt, by --target: age, y"),
    "no such column": (TWO, "agge", "has no column 'agge'; did you mean 'age'?"),
    "one class": (TWO.assign(y="u"), "y", "column 'y' is 'u' in all rows"),
    "all constant": (TWO.assign(age=1), "y", r"no column to learn 'y' from: age \(the same in each row\)"),
    "target alone": (TWO[["y"]], "y", "it has no other"),
    "few rows": (TWO.head(10), "y", "10 rows have a target in column 'y': at least 20"),
    "twice": ("a,a,y\n1,2,u\n", "y", "two columns of .* are named 'a'"),
    "latin": ("a,y\né,u\n".encode("latin-1"), "y", "is not text in UTF-8"),
    "ragged": ("a,y\n1,u\n1,u,3\n", "y", "Expected 2 fields in line 3, saw 3"),
    "many classes": (
        pd.DataFrame({"a": [0, 1] * 250, "y": [f"t{number}" for number in range(500)]}),
        "y",
        "500 different texts, more than the 50",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_table_is_one_sentence(name: str, tmp_path: Path) -> None:
    content, target, sentence = WRONG[name]
    with pytest.raises(UserError, match=sentence):
        table_task(write(tmp_path / "t.csv", content), target)


def test_the_command_line_says_it_too(tmp_path: Path) -> None:
    words = [
        (("--csv", tmp_path / "none.csv", "--target", "y"), "there is no file"),
        (("--target", "y"), "--target belongs to a table of your own"),
        (("--print-task", "-t", "iris"), "give its file by --csv FILE"),
    ]
    for given, sentence in words:
        result = run(*given)
        assert result.exit_code == 2
        assert sentence in result.stderr


def test_a_column_that_the_file_has_lost_and_a_class_that_it_has_won(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", TWO)
    task = made_of(table_task(path, "y"))
    write(path, TWO.assign(y=["u", "w"] * 20))
    with pytest.raises(DataError, match="holds 'w', which is none of the classes"):
        task.problem(0)
    write(path, TWO[["y"]])
    with pytest.raises(DataError, match="has no column 'age'"):
        task.problem(0)


def test_large_tables_get_larger_networks_and_fewer_forwards(tmp_path: Path) -> None:
    small, large = (
        table_task(write(tmp_path / "t.csv", pd.concat([TWO] * times)), "y") for times in (1, 1_000)
    )
    assert (small.width, small.budget) == (8, 3_000)
    assert (large.width, large.budget) == (32, 1_500)
    assert dict(told(large))["task"].startswith("t-y: 40,000 rows")
