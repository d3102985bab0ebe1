"""How closely a learner looks: noted as it is used, kept, migrated, and shown."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import plain
import pytest
import torch
from bench_help import HERE, command
from report_data import make_results
from torch import nn

import nogd
from nogd.bench.database import FILE
from nogd.bench.store import Store
from nogd.engine.accounts.meter import BudgetSpent, Limit
from nogd.engine.objective import Objective
from nogd.hookspecs import hookimpl
from nogd.plugins.access import ACCESS, strongest
from nogd.plugins.manager import Plugins
from nogd.plugins.registry import Lazy
from nogd.report.figure import Comparison
from nogd.report.forms.board_text import text_leaderboard
from nogd.report.forms.board_view import cells, columns_of
from nogd.report.results import load_results
from nogd.training.names import build

pytestmark = pytest.mark.any_version

ROWS = 9


def objective(activation: type[nn.Module] = nn.ReLU) -> Objective:
    made = nogd.objective(plain.network(3, 4, 2, activation=activation), *plain.data(ROWS, 3, 2))
    made.begin(plain.thetas(1, made.D)[0], Limit(), None, None)
    return made


def theta(made: Objective) -> torch.Tensor:
    return plain.thetas(1, made.D)[0]


def one(made: Objective) -> nogd.Population:
    return nogd.Population(theta(made)[None])


USES: dict[str, tuple[Callable[[Objective], Any], str]] = {
    "losses": (lambda made: made.losses(one(made)), "losses"),
    "a walk": (lambda made: made.walk(theta(made)).losses(0, torch.zeros(3)), "losses"),
    "work": (lambda made: made.work(1).__enter__(), "losses"),
    "outputs": (lambda made: made.outputs(one(made)), "outputs"),
    "curvature": (lambda made: made.curvature(torch.zeros(ROWS, 2, dtype=torch.float64)), "outputs"),
    "directional": (lambda made: made.directional(theta(made), plain.thetas(2, made.D)), "directional"),
    "layers": (lambda made: made.layers, "layers"),
    "activations": (lambda made: made.activations(theta(made)), "layers"),
    "module": (lambda made: made.module, "layers"),
    "inputs": (lambda made: made.inputs, "closed-form"),
    "batch": (lambda made: made.batch(torch.tensor([0])), "closed-form"),
    "targets": (lambda made: made.targets, "closed-form"),
    "exact minimum": (lambda made: made.walk(theta(made)).minimum(0, -1, 1), "closed-form"),
    "gram": (lambda made: made.gram(nogd.Subspace(theta(made), None, 0.1, seeds=(1,))), "outputs"),
    "gram with readout": (
        lambda made: made.gram(nogd.Subspace(theta(made), None, 0.1), readout=True),
        "layers",
    ),
    "readout": (lambda made: made.readout(one(made)), "closed-form"),
    "gradient": (lambda made: made.gradient(theta(made)), "gradient"),
}


@pytest.mark.parametrize("what", USES)
def test_what_is_used_is_noted(what):
    use, access = USES[what]
    made = objective()
    assert made.access == "losses"
    use(made)
    assert made.access == access
    made.losses(one(made))
    assert made.access == access
    made.begin(theta(made), Limit(), None, None)
    assert made.access == "losses"


def test_a_searched_minimum_looks_at_losses_alone():
    made = objective(nn.Tanh)
    made.walk(theta(made)).minimum(0, -1, 1)
    assert made.access == "losses"


def test_the_strongest_counts_and_goes_with_a_checkpoint():
    made = objective()
    for use, _ in (USES["gradient"], USES["outputs"]):
        use(made)
    again = objective()
    again.restore(made.save())
    assert made.access == again.access == "gradient"


def test_what_was_refused_was_not_used():
    made = objective()
    made.begin(theta(made), Limit(forwards=1), None, None)
    with pytest.raises(BudgetSpent):
        made.gradient(theta(made))
    assert made.access == "losses"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], "losses"),
        (["outputs", "losses"], "outputs"),
        (["curvature"], "outputs"),
        (["layers", "curvature", "directional"], "layers"),
        (["layers", "readout"], "closed-form"),
        (ACCESS, "gradient"),
        (["nobody knows"], "losses"),
    ],
)
def test_the_strongest_of_several(names, expected):
    assert strongest(names) == expected


@pytest.mark.parametrize(
    ("learner", "access"),
    [
        ("grid-search", "losses"),
        ("exact-line", "closed-form"),
        ("adam", "gradient"),
        ("grid-search+adam", "gradient"),
        ("random-search+exact-line", "closed-form"),
        ("hybrid", "gradient"),
        ("hybrid(grid-search; random-search)", "losses"),
        ("restarts(hybrid(grid-search; exact-line))", "closed-form"),
    ],
)
def test_a_learner_of_others_looks_as_closely_as_these(learner, access):
    assert build(learner).access == access


# -- in lists


def test_a_lazy_says_what_lists_show():
    @hookimpl
    def nogd_learners():
        return [Lazy("swarm-one", "nowhere:One", "fly", tags=("swarm", "random"), access="outputs")]

    (entry,) = Plugins.of(nogd_learners).learners
    assert (entry.tags, entry.access) == (["random", "swarm"], "outputs")


def test_an_access_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="the access 'telepathy' is none of losses, outputs, directional"):
        Lazy("odd", "nowhere:Odd", access="telepathy")


def test_learners_are_listed_with_both():
    found = command("list", "learners", "--json", "--no-plugins")
    rows = {row["name"]: row for row in json.loads(found.output)}
    assert (rows["exact-line"]["access"], rows["exact-line"]["tags"]) == (
        "closed-form",
        ["closed-form", "coordinate"],
    )
    assert {row["access"] for row in rows.values()} <= set(ACCESS)
    assert all(row["tags"] for row in rows.values())
    text = command("list", "learners", "--no-plugins").output.splitlines()
    assert text[0].split() == ["NAME", "PACKAGE", "VERSION", "ACCESS", "TAGS", "SUMMARY"]
    assert "access" not in json.loads(command("list", "tasks", "--json", "--no-plugins").output)[0]


def test_show_tells_them_too():
    (shown,) = json.loads(command("show", "exact-line", "--json", "--no-plugins").output)
    assert (shown["uses"], shown["tags"]) == (["closed-form"], ["closed-form", "coordinate"])


# -- in the store, and in tables


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    learners = ["grid-search", "exact-line", "adam", "exact-line+adam"]
    out = tmp_path_factory.mktemp("access")
    return nogd.run(
        learners=learners, tasks=["diabetes"], repetitions=1, budget=900, out=out, jobs=0, progress=False
    )


def test_every_run_keeps_what_it_used(results):
    used = results.runs.set_index("learner")["access"].to_dict()
    assert used == {
        "grid-search": "losses",
        "exact-line": "closed-form",
        "adam": "gradient",
        "exact-line+adam": "gradient",
    }


def test_the_leaderboard_shows_it(results):
    board = results.leaderboard.set_index("learner")["access"]
    assert board["exact-line"] == "closed-form"
    text = text_leaderboard(results, width=100).splitlines()
    assert text[0].split()[:2] == ["learner", "access"]
    assert any(line.split()[1:3] == ["exact-line", "closed-form"] for line in text)
    comparison = Comparison.of(results)
    columns = columns_of(comparison.board)
    place = [column.key for column in columns].index("access")
    shown = {row["learner"]: cells(row, columns)[place] for row in comparison.board.table.to_dict("records")}
    assert (shown["adam"].text, shown["adam"].value) == ("gradient", 5)
    assert (shown["grid-search"].text, shown["grid-search"].value) == ("losses", 0)


def test_of_an_old_run_it_is_known_where_it_took_gradients(tmp_path):
    shutil.copy(HERE / "data" / "store-0.1.0" / FILE, tmp_path)
    Store(tmp_path, create=True).close()
    with closing(sqlite3.connect(tmp_path / FILE)) as connection:
        found = set(
            connection.execute("select learner, access from runs where status <> 'not-applicable'").fetchall()
        )
    assert found >= {("adam", "gradient"), ("hybrid", "gradient"), ("random-search", None)}


def test_where_nothing_is_known_there_is_no_column(tmp_path):
    shutil.copy(HERE / "data" / "store-0.1.0" / FILE, tmp_path)
    old = load_results(tmp_path)
    known = old.runs["access"].notna()
    assert known.any()
    text = text_leaderboard(replace(old, runs=old.runs.assign(access=None)))
    assert "access" not in text.splitlines()[0]


def test_of_runs_that_do_not_tell_how_closely_they_looked_nothing_is_shown():
    made = make_results(["adam"], ["iris"], 2)
    untold = Comparison(made.runs.assign(access=""), made.curves, made.meta)
    assert untold.board.table["access"].tolist() == [""]
