"""What becomes of memory that a step has let go of."""

from __future__ import annotations

import numpy as np

_BLOCK = 16 << 20


def keep_freed_memory() -> None:
    """Have glibc keep what is freed for whoever asks next, 32 MiB of it at most.

    Each step of a learner makes the same few arrays of a population again. At first glibc gives blocks of 128 KiB and
    more back to the system, and to be given their pages anew takes longer than to compute what goes into them. Once it
    has seen a larger block freed it keeps up to twice as much: so it is shown one, which nobody touches, and which
    takes no memory. Who has set an allocator up otherwise (by MALLOC_TRIM_THRESHOLD_, or another library) notices
    nothing.
    """
    np.empty(_BLOCK, dtype=np.uint8)
