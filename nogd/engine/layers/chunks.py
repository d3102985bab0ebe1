"""How much is computed at a time."""

from __future__ import annotations

import torch

# Elements of the widest value that a chunk of candidates may hold. On a CPU 2 MiB in float32, within a core's cache;
# on a GPU as much as keeps all of it busy, a quarter of a GiB.
CHUNK_ELEMENTS = {"cpu": 1 << 19, "cuda": 1 << 26}


def chunk_elements(device: torch.device) -> int:
    """Elements of the widest value of a chunk on that device; a fixed rule, so that a run repeats."""
    return CHUNK_ELEMENTS.get(device.type, CHUNK_ELEMENTS["cuda"])


def chunk_size(elements: int, device: torch.device) -> int:
    """How many candidates make a chunk on that device if the widest value of each has so many elements; at least 1."""
    return max(1, chunk_elements(device) // max(1, elements))
