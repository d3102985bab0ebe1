"""Words of a learner, a task or a foreign store, made fit to be kept and shown: of bounded length, and only text."""

from __future__ import annotations

import re

MOST = {"reason": 1_000, "traceback": 16_000}
"""The characters that are kept of each."""

# What moves a terminal's cursor, rings, or turns the direction of what follows; line feeds and tabs may stay.
_ACTS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def tidy(text: str, most: int) -> str:
    """At most so many characters of a text, its beginning and its end, with what is no text written as an escape."""
    if len(text) <= most and text.isascii() and text.isprintable():  # as nearly all are
        return text
    short = _cut(text, most)
    encodable = short.encode(
        errors="backslashreplace"
    ).decode()  # half a surrogate pair cannot be written anywhere
    return _cut(_ACTS.sub(lambda found: ascii(found.group())[1:-1], encodable), most)


def _cut(text: str, most: int) -> str:
    """A quarter of the room is the beginning's: tracebacks end with what matters, sentences begin with it."""
    if len(text) <= most:
        return text
    note = f" [... {len(text) - most:,} characters more ...] "
    head = (most - len(note)) // 4
    return text[:head] + note + text[len(text) - (most - len(note) - head) :]
