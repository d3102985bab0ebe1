"""Names as they may be shown: plugins choose them, so anything may be in them."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def clean(name: object) -> str:
    """A name without line breaks, terminal codes and marks that turn the direction of text around."""
    kept = "".join(sign if unicodedata.category(sign) not in _HIDDEN else " " for sign in str(name))
    return " ".join(kept.split()) or "(no name)"


def short_name(name: object, width: int = 60) -> str:
    """A clean name of at most `width` characters: both ends, an ellipsis between."""
    text = clean(name)
    if len(text) <= width:
        return text
    tail = width // 3
    return f"{text[: width - tail - 1]}…{text[-tail:]}"


def counted(number: int, noun: str) -> str:
    """A number with its noun: 1 run, 7 runs."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listed(texts: Sequence[str], most: int = 8) -> str:
    """The first few of some texts, and how many there are beyond; one may have a comma in it, as "adam,lr=0.1" has."""
    shown = texts[:most]
    more = f" and {len(texts) - most} more" if len(texts) > most else ""
    return ("; " if any("," in text for text in shown) else ", ").join(shown) + more


def short_names(names: Iterable[object], width: int) -> list[str]:
    """Short names in the same order; where two would look alike, the later ones get a number."""
    shortened: list[str] = []
    seen: Counter[str] = Counter()
    for name in names:
        text = short_name(name, width)
        seen[text] += 1
        shortened.append(text if seen[text] == 1 else f"{short_name(name, width - 4)} ({seen[text]})")
    return shortened
