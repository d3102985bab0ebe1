"""Which large libraries a cell's code imports, so that the fork server does it once and not each worker again."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

from nogd.bench.perform import Job
from nogd.plugins.parsing import parsed

# What may be imported before a fork (neither starts threads), and what of it most who import it use.
SHARED = {"pandas": "pandas", "scipy": "scipy.optimize", "sklearn": "sklearn.datasets"}
_WITHOUT = ("builtins", "nogd", "pydantic", "torch")
_WITH = ("nogd.problem.table",)  # what of nogd imports any of these for a cell


def shared_imports(job: Job) -> frozenset[str]:
    """Modules that the files of its learner, task and data set import, as far as they can be shared.

    A guess: what it misses is imported by each worker, what it adds costs the fork server a moment.
    """
    dataset = getattr(job.task, "dataset", None)
    kinds = [type(job.learner), type(job.task), *([dataset] if isinstance(dataset, type) else [])]
    modules = {base.__module__ for kind in kinds for base in kind.__mro__}
    return frozenset().union(*map(_of_module, sorted(modules)))


@functools.cache
def _of_module(name: str) -> frozenset[str]:
    file = getattr(sys.modules.get(name), "__file__", None)
    if file is None or (name.partition(".")[0] in _WITHOUT and name not in _WITH):
        return frozenset()
    imports = parsed(Path(file)).imports
    return frozenset(module for library, module in SHARED.items() if library in imports)
