"""How a user's module is called, so that what it gives follows from its parameters and its inputs alone.

From outside: `conduct` (mode, random generators and running statistics of a call), `copies`, `accepted` (the types that
a module takes) and `mode`. `vmapped` and `forward_mode` call a module under torch's transforms, for networks.
"""

from __future__ import annotations
