"""The page of a search for hyper-parameters: importance, parallel coordinates, all trials."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bench_help import command

from nogd.tuning.dimension import OUTSIDE, Dimension
from nogd.tuning.importance import ENOUGH, importance
from nogd.tuning.page import write_page
from nogd.tuning.search import Trial
from nogd.tuning.trials import Worth

RATE = Dimension("lr", "float", 0.1, low=1e-3, high=10, log=True)
SHARE = Dimension("beta1", "to one", 0.9, low=0.0, high=1.0)
ROWS = Dimension("rows", "int", None, low=4, high=128, log=True, optional=True)
KIND = Dimension("directions", "choice", "auto", choices=("auto", "isotropic", "layers"))
SPACE = [RATE, SHARE, ROWS, KIND]


def made(count: int, worth: Any = lambda settings: settings["lr"], use: str = "adam") -> list[Trial]:
    rng = np.random.default_rng(0)
    found = []
    for number in range(1, count + 1):
        settings = {
            "lr": float(10 ** rng.uniform(-3, 1)),
            "beta1": float(1 - 10 ** rng.uniform(-4, 0)),
            "rows": None if number % 3 else int(rng.integers(4, 129)),
            "directions": str(rng.choice(KIND.choices)),
        }
        found.append(Trial(number, use, settings, Worth(float(worth(settings)), 60.0, 0, (str(number),))))
    return found


def test_a_place_is_on_the_scale_of_the_range() -> None:
    assert [RATE.place(value) for value in (1e-3, 0.1, 10)] == pytest.approx([0.0, 0.5, 1.0])
    assert [SHARE.place(value) for value in (0.0, 0.99, 0.9999, 1.0)] == pytest.approx([0.0, 0.5, 1.0, 1.0])
    assert [KIND.place(value) for value in KIND.choices] == [0.0, 0.5, 1.0]
    assert ROWS.place(None) == OUTSIDE
    assert ROWS.place(4) == 0.0


@pytest.mark.parametrize("name", ["lr", "beta1", "directions"])
def test_the_hyper_parameter_that_alone_decides_is_all_that_is_important(name: str) -> None:
    place = {each.name: each.place for each in SPACE}[name]
    found = importance(made(60, lambda settings: place(settings[name])), SPACE)
    assert next(iter(found)) == name
    assert found[name] > 0.8
    assert sum(found.values()) == pytest.approx(1.0)
    assert set(found) == {"lr", "beta1", "rows", "directions"}


def test_a_few_trials_that_diverged_do_not_hide_what_decides_among_the_others() -> None:
    def worth(settings: Any) -> float:
        return 10.0 if settings["beta1"] > 0.9995 else RATE.place(settings["lr"])

    assert next(iter(importance(made(60, worth), SPACE))) == "lr"


def test_nothing_is_told_of_few_trials_or_of_equal_ones(tmp_path: Path) -> None:
    few, equal = made(ENOUGH - 1), made(ENOUGH, lambda _: 0.5)
    assert importance(few, SPACE) == importance(equal, SPACE) == {}
    assert (
        f"there are {ENOUGH - 1}" in write_page(few, SPACE, "adam on iris", tmp_path / "a.html").read_text()
    )
    assert "came to the same" in write_page(equal, SPACE, "adam on iris", tmp_path / "b.html").read_text()


def test_the_page_says_the_best_and_has_both_pictures_and_no_script(tmp_path: Path) -> None:
    done = made(20)
    text = write_page(done, SPACE, "adam on iris", tmp_path / "a.html").read_text()
    best = min(done, key=lambda trial: trial.worth.value)
    assert f"Best: trial {best.number}," in text
    assert text.count("<svg") == 2
    assert "<script" not in text
    assert len(re.findall('<th scope="row">', text)) == 20
    assert write_page(done, SPACE, "adam on iris", tmp_path / "b.html").read_text() == text


def test_one_trial_and_one_hyper_parameter_are_a_page(tmp_path: Path) -> None:
    text = write_page(made(1), [RATE], "adam on iris", tmp_path / "a.html").read_text()
    assert text.count("<svg") == 1
    assert "best 1 trial of 1" in text


@pytest.mark.parametrize(
    "wicked", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "$x$", "\u202egnp", "x" * 200]
)
def test_no_name_becomes_mark_up(wicked: str, tmp_path: Path) -> None:
    strange = Dimension("kind", "choice", wicked, choices=(wicked, "b"))
    done = [
        Trial(number, wicked, {"kind": kind}, Worth(float(number), 1.0, 0, ()))
        for number, kind in enumerate((wicked, "b"), start=1)
    ]
    text = write_page(done, [strange], wicked, tmp_path / "a.html").read_text()
    assert "<script" not in text
    assert "<img" not in text
    assert "\u202e" not in text


def test_the_command_names_the_page_on_standard_error(tmp_path: Path) -> None:
    words = (
        "adam",
        "-t",
        "iris",
        "--only",
        "lr",
        "--trials",
        2,
        "--repetitions",
        1,
        "--forwards",
        10,
        "--jobs",
        0,
    )
    done = command("--no-plugins", "tune", *words, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    [page] = tmp_path.glob("tune-adam-*.html")
    assert f"Page: {page}" in done.stderr.splitlines()
    assert str(page) not in done.stdout
    assert "2 trials of adam on iris" in page.read_text()
