"""Which optimisers the installed torch has, read from its source: importing it takes a second."""

from __future__ import annotations

import ast
import functools
import importlib.util
from pathlib import Path

LEFT_OUT = {
    "Optimizer": "the base class of all others",
    "SparseAdam": "it takes sparse gradients only, and those of nogd are dense",
}
"""What torch.optim offers that is no learner here, and why."""


def name_of(optimiser: str) -> str:
    """What its learner is called: "torch-adamw"."""
    return f"torch-{optimiser.lower()}"


@functools.cache
def class_names() -> tuple[str, ...]:
    """The names of the classes that torch.optim offers, but for those left out."""
    found = importlib.util.find_spec("torch")
    assert found is not None  # this package requires it
    assert found.origin is not None
    tree = ast.parse(
        Path(found.origin).with_name("optim").joinpath("__init__.py").read_text(encoding="utf-8")
    )
    listed = next(
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return tuple(name for name in listed if name[0].isupper() and name not in LEFT_OUT)
