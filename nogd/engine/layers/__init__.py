"""A module read as a plain list of layers, and whole populations scored layer by layer.

From outside: `reading` makes a chain of a module, or nothing where any part is not understood; `stack` is the chain of
linear layers and activations alone, which everything faster is built on; `chunks` says how much is computed at a time.
"""

from __future__ import annotations
