"""The notebook of the study runs from its first cell to its last, and shows what is shown in the repository."""

from __future__ import annotations

from pathlib import Path

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parent.parent / "experiments" / "comparison.ipynb"


def shown(notebook: nbformat.NotebookNode) -> list[list[tuple[str, ...]]]:
    """The kinds of output of each cell; what they say is a matter of the machine, to the last bit."""
    return [
        [(output.output_type, *sorted(output.get("data", ()))) for output in cell.get("outputs", ())]
        for cell in notebook.cells
    ]


def test_the_comparison_runs_as_it_stands(monkeypatch):
    monkeypatch.delenv("MPLBACKEND", raising=False)  # the kernel shows figures by a backend of its own
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    committed = shown(notebook)
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    assert shown(notebook) == committed
    assert sum("image/png" in kind for cell in committed for kind in cell) == 5
