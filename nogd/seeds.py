"""Every random stream of a comparison, derived from names by one hash."""

from __future__ import annotations

import hashlib
import json


def derive(*names: object) -> int:
    """A seed of 63 bits from `names` alone: strings, numbers, or anything that JSON can write.

    It is the first eight bytes of the SHA-256 of the names as canonical JSON, less one bit, so that torch and
    numpy take it. Raises TypeError for a name that JSON cannot write.

    >>> derive("initial", "diabetes", 0) == derive("initial", "diabetes", 0)
    True
    >>> derive("a", "bc") == derive("ab", "c")
    False
    """
    text = json.dumps(names, sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
