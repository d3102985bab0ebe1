"""Put the figures of peers.csv, structured.csv and population.csv, and of the latter two on a GPU, into the tables of
engine.md and population.md: `python tables.py`. The words around them are written by hand.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
GPU = "on a GPU, with a structure"
SMALL = ("10-5-4-1 x 442", "64-32-10 x 1,797")
PARTS = ("products", "thin products", "noise", "additions", "activations", "rest")

Row = dict[str, str]


def main() -> None:
    """Rewrite both pages."""
    peers, structured, population = _rows("peers"), _rows("structured"), _rows("population")
    page = HERE / "engine.md"
    text = page.read_text(encoding="utf-8")
    for work in SMALL:
        text = _replaced(text, f"| {work}, 2 threads |", _peers(peers, work))
        text = _replaced(text, f"One thread, {work}:", _one_thread(peers, work))
    text = _replaced(text, "| work | measured | goal |", _structured(structured))
    text = _replaced(text, "| on a GPU, unrelated", _on_gpu(_rows("population-cuda")))
    text = _replaced(text, "| on a GPU, with a structure", _structured(_rows("structured-cuda"), GPU))
    page.write_text(_replaced(text, "| one thread, % of", _shares(structured)), encoding="utf-8")
    page = HERE / "population.md"
    works = [row["what"].partition(": ")[0] for row in population if ": nogd (" in row["what"]]
    others = [work for work in works if work.startswith(("residual", "attention"))]
    text = page.read_text(encoding="utf-8")
    known = _known(population, [work for work in works if work not in others])
    text = _replaced(text, "| work | nogd, candidates/s |", known)
    page.write_text(_replaced(text, "| work | engine |", _others(population, others)), encoding="utf-8")


def _rows(name: str) -> list[Row]:
    with (HERE / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _row(rows: Iterable[Row], start: str, against: str = "") -> Row:
    """The first row that begins so."""
    return next(row for row in rows if row["what"].startswith(start) and against in row["against"])


def _replaced(text: str, start: str, lines: Iterable[str]) -> str:
    """The text with the paragraph that begins so exchanged."""
    begin = text.index(start)
    return text[:begin] + "\n".join(lines) + text[text.index("\n\n", begin) :]


def _number(figure: str) -> str:
    return f"{float(figure):,.0f}" if float(figure) >= 1_000 else f"{float(figure):.3g}"


def _figures(row: Row) -> str:
    return "{} ({} to {})".format(*(_number(row[k]) for k in ("median", "low", "high")))


def _engine(row: Row) -> str:
    """The engine that the name of nogd's own row ends with, in brackets."""
    return row["what"].rpartition("(")[2].rstrip(")")


def _peers(rows: list[Row], work: str) -> Iterable[str]:
    yield f"| {work}, 2 threads | 100 candidates per call | 1,000 candidates per call | nogd is faster by |"
    yield "| --- | ---: | ---: | ---: |"
    start = f"{work}, 2 threads, P "
    named = (row["what"].rpartition(": ")[2] for row in rows if row["what"].startswith(start))
    for name in dict.fromkeys(named):
        few = _figures(_row(rows, f"{start}100: {name}"))
        many = [_figures(row) for row in rows if row["what"] == f"{start}1000: {name}"]
        ratio = "" if name == "nogd" else _faster(_row(rows, f"{work}, 2 threads: nogd", name))
        yield f"| {name.removesuffix('+cpu')} | {few} | {''.join(many)} | {ratio} |"


def _faster(row: Row) -> str:
    goal = row["goal"].removeprefix(">= ")
    return f"{_figures(row)}, goal {goal}" if goal else _figures(row)


def _one_thread(rows: list[Row], work: str) -> Iterable[str]:
    found = (
        (re.match(re.escape(f"{work}, 1 thread, P ") + r"(\d+): (.*)", row["what"]), row) for row in rows
    )
    parts = [
        f"{name[2].removesuffix('+cpu')} {_figures(row)} with {int(name[1]):,}" for name, row in found if name
    ]
    ratio = _figures(_row(rows, f"{work}, 1 thread: nogd"))
    yield f"One thread, {work}: {'; '.join(parts)}; nogd is faster by {ratio}."


def _on_gpu(rows: list[Row]) -> Iterable[str]:
    yield "| on a GPU, unrelated candidates | candidates/s | engine | vmap | one by one | share of the peak |"
    yield "| --- | ---: | --- | ---: | ---: | ---: |"
    for row in rows:
        work, _, what = row["what"].partition(": ")
        if what.startswith("nogd ("):
            share = float(_row(rows, f"{work}: share")["median"])
            others = [
                _number(_row(rows, f"{work}: {who}")["median"]) for who in ("torch.func.vmap", "plain loop")
            ]
            yield f"| {work} | {_figures(row)} | {_engine(row)} | {' | '.join(others)} | {share:.2f} |"


def _structured(rows: list[Row], title: str = "work") -> Iterable[str]:
    yield f"| {title} | measured | goal |"
    yield "| --- | ---: | ---: |"
    for row in rows:
        if ", time in " not in row["what"]:
            yield f"| {row['what']} | {_figures(row)} {row['unit']} | {row['goal']} |"


def _shares(rows: list[Row]) -> Iterable[str]:
    yield f"| one thread, % of the time of a call | {' | '.join(PARTS)} |"
    yield f"| --- |{' ---: |' * len(PARTS)}"
    for job in sorted(
        {row["what"].partition(", time in ")[0] for row in rows if ", time in " in row["what"]}
    ):
        shares = [float(_row(rows, f"{job}, time in {part}")["median"]) for part in PARTS]
        yield f"| {job} | {' | '.join(f'{share:.3g}' for share in shares)} |"


def _known(rows: list[Row], works: list[str]) -> Iterable[str]:
    yield "| work | nogd, candidates/s | engine | share of the peak | times vmap | goal |"
    yield "| --- | ---: | --- | ---: | ---: | --- |"
    for work in works:
        speed, share, ratio = (_row(rows, f"{work}: {what}") for what in ("nogd (", "share", "times"))
        goal = ratio["goal"].removeprefix(">= ") or f"share of {share['goal'].removeprefix('>= ')}"
        figures = f"{_number(speed['median'])} | {_engine(speed)} | {float(share['median']):.2f} | {_figures(ratio)}"
        yield f"| {work} | {figures} | {goal} |"


def _others(rows: list[Row], works: list[str]) -> Iterable[str]:
    yield "| work | engine | times the loop | times the loop, by vmap |"
    yield "| --- | --- | ---: | ---: |"
    for work in works:
        speed, vmap, loop, ratio = (
            _row(rows, f"{work}: {what}") for what in ("nogd (", "torch.func.vmap", "plain loop", "times")
        )
        by_vmap = float(vmap["median"]) / float(loop["median"])
        yield f"| {work} | {_engine(speed)} | {float(ratio['median']):.3g} | {by_vmap:.2g} |"


if __name__ == "__main__":
    main()
