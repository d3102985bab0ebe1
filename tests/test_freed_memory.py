"""Memory that a step lets go of is there for the next one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PAGES_OF_TEN_ROUNDS = """
import resource, torch
from nogd.training.freed_memory import keep_freed_memory

def arrays():
    return [torch.ones(30, 2_410) for _ in range(8)]

keep_freed_memory()
for _ in range(20):
    arrays()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    arrays()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is about glibc")
def test_arrays_of_a_population_are_made_of_the_same_pages_again():
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    found = subprocess.run(
        [sys.executable, "-c", PAGES_OF_TEN_ROUNDS], env=plain, capture_output=True, text=True, check=True
    )
    assert int(found.stdout) < 100  # some 5,000 if they came from the system each time
