"""What the generated pages are made by: Markdown from docstrings, messages from code, pictures of equal bytes."""

from __future__ import annotations

import ast
import sqlite3
from contextlib import closing
from pathlib import Path

import torch

from nogd.bench.schema import SCHEMA
from nogd.plugins.manager import plugins
from pages import ROOT, comparison, data_pictures, errors, learners, pictures, store
from pages.markdown import block, prose, table

CODE = """
def _unknown(name):
    return f"no learner is named {name!r}{hint(name)} All: {known}."

raise UnknownName(_unknown(name))
raise InvalidSetting("the box is " f"{low} to {high}, " "which is empty.")
raise ValueError("nobody but an author sees this one")
warnings.warn(f"{name} is old and will go", PluginWarning, stacklevel=2)
"""


def test_signs_of_markdown_in_a_docstring_stay_as_they_are_but_for_code():
    assert prose("theta_0 `[P, D]` of P * D <= 3") == r"theta\_0 `[P, D]` of P \* D \<= 3"


def test_examples_and_indented_parts_become_blocks():
    assert prose("So::\n\n    [project]\n    x = 1\n\n>>> 1 + 1\n2") == (
        "So:\n\n```toml\n[project]\nx = 1\n```\n\n```pycon\n>>> 1 + 1\n2\n```"
    )


def test_a_block_may_hold_a_block():
    assert block("```sh\nls\n```").startswith("````text\n")


def test_a_bar_in_a_cell_is_no_new_cell():
    assert table(["type"], [["int | None"]]).splitlines()[-1] == r"| int \| None |"


def test_messages_are_read_off_the_code():
    assert sorted(errors._in(ast.parse(CODE))) == [
        ("InvalidSetting", "the box is … to …, which is empty."),
        ("PluginWarning", "… is old and will go"),
        ("UnknownName", "no learner is named … All: …."),
    ]


def test_every_table_of_the_store_is_told_of():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        tables = [
            name for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
        ]
    page = store.pages()["reference/store.md"]
    assert [name for name in tables if f"## {name}\n" not in page] == []


def test_pictures_have_equal_bytes_and_every_learner_has_one():
    results = comparison.compare(Path(__file__).parent / "pictures" / "runs")
    benchmarks = ROOT / "experiments" / "benchmarks"
    assert pictures.pages(results, benchmarks) == pictures.pages(results, benchmarks)
    made = learners.pages(results)
    assert made == learners.pages(results)
    assert [
        name for name in plugins().learners.names() if "<svg" not in made[f"reference/learners/{name}.md"]
    ] == []


def test_points_images_signals_and_courses_are_told_apart():
    classes = torch.arange(12) % 3
    assert "of class 2" in data_pictures.examples(torch.rand(12, 2), classes, "points")
    assert "<image" in data_pictures.examples(torch.rand(12, 64), classes, "images")
    assert "<image" not in data_pictures.examples(torch.rand(12, 40), classes, "signals")
    assert "at each input" in data_pictures.examples(torch.rand(12, 1), torch.rand(12, 3), "courses")
    assert data_pictures.examples(torch.rand(12, 10), torch.rand(12, 1), "a table") == ""


def test_what_a_policy_sees_ends_with_its_episode():
    cart_pole = plugins().tasks.find("cart-pole").load()()
    drawn = data_pictures.episode(cart_pole, cart_pole.problem(seed=0), "cart-pole")
    assert "untrained: return 11" in drawn
    assert drawn.count("spin") == 1
