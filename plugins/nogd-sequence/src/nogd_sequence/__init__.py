"""Sequence tasks for nogd, as a plugin: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy

_TAGS = ("classification", "sequence")


@hookimpl
def nogd_datasets() -> list[Lazy]:
    """Offer this package's data to nogd."""
    return [Lazy("symbols", "nogd_sequence.majority:Symbols", "1,500 rows of twelve symbols of four kinds")]


@hookimpl
def nogd_tasks() -> list[Lazy]:
    """Offer this package's tasks to nogd."""
    return [
        Lazy("bytes-gru", "nogd_sequence.bytes:BytesGru", "the next byte of a text, by a GRU", tags=_TAGS),
        Lazy(
            "bytes-gru-int8",
            "nogd_sequence.bytes:BytesGruInt8",
            "the same with recurrent weights rounded to 8 bits",
            tags=(*_TAGS, "no-gradient"),
        ),
        Lazy(
            "majority-transformer",
            "nogd_sequence.majority:MajorityTransformer",
            "the most frequent of four symbols, by a transformer of one block",
            tags=_TAGS,
        ),
    ]


@hookimpl
def nogd_metrics() -> list[Lazy]:
    """Offer this package's metric to nogd."""
    return [Lazy("bits-per-symbol", "nogd_sequence.bits:BITS", "cross-entropy in bits")]
