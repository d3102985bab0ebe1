"""How closely a learner looks at what it trains, from losses alone to gradients: it decides what a fair rival is."""

from __future__ import annotations

from collections.abc import Iterable

ACCESS = ("losses", "outputs", "directional", "layers", "closed-form", "gradient")
"""From the weakest to the strongest. closed-form: an exact minimum, or what is computed of the data themselves."""

# What a learner may need that is no access of its own.
_PART_OF = {"curvature": "outputs", "readout": "closed-form", "observations": "closed-form"}


def strongest(names: Iterable[str]) -> str:
    """The strongest of these accesses, "losses" where there is none; what is not known as one counts as none."""
    known = [name for each in names if (name := _PART_OF.get(each, each)) in ACCESS]
    return max(known, key=ACCESS.index, default=ACCESS[0])
