"""Pages that are written from the code, so that they cannot fall behind it."""

from __future__ import annotations

from pathlib import Path

from pages import checks, commands, directory, errors, hooks, learners, pictures, statuses, store, tasks
from pages.comparison import compare

ROOT = Path(__file__).resolve().parents[2]


def write_pages(docs: Path) -> None:
    """Write all generated pages and pictures under `docs`, into reference/ and pictures/."""
    results = compare(docs / "pictures" / "runs")
    made = {
        **hooks.pages(),
        **learners.pages(results),
        **tasks.pages(),
        **commands.pages(),
        **checks.pages(),
        **store.pages(),
        **statuses.pages(),
        **errors.pages(),
        **directory.pages(ROOT / "plugins"),
        **pictures.pages(results, ROOT / "experiments" / "benchmarks"),
    }
    for name, text in made.items():
        _write(docs / name, text)
    for path in (docs / "reference").rglob("*.md"):  # of an earlier build, of what is now called otherwise
        if path.relative_to(docs).as_posix() not in made:
            path.unlink()


def _write(path: Path, text: str) -> None:
    """Sphinx reads a page again when it is newer: leave one that says the same as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
