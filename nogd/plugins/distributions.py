"""What an installed distribution says of itself: which nogd it needs, whether the user asked for it, where it lies."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from nogd.plugins.registry import Source
from nogd.plugins.sources import editable_folder
from nogd.version import __version__


def unmet_requirement(source: Source) -> str | None:
    """What the plugin's distribution requires of nogd and this nogd is not, in a clause; None if there is nothing."""
    from packaging.requirements import InvalidRequirement, Requirement  # only when something broke

    for text in _of(source).requires or () if source.distribution else ():
        try:
            wanted = Requirement(text)
        except InvalidRequirement:
            continue
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if (
            wanted.name.lower() == "nogd"
            and applies
            and not wanted.specifier.contains(__version__, prereleases=True)
        ):
            return f"{source.distribution} requires {wanted.name}{wanted.specifier}, and this is nogd {__version__}"
    return None


def how_it_came(source: Source) -> str:
    """How a plugin got here: "built in", "given" by path, "asked for", or "with another" package that needs it.

    Installers note in the file REQUESTED what the user named (Python Packaging User Guide, "Recording installed
    projects"); "unknown" where an installer left no such notes at all.
    """
    if source.builtin:
        return "built in"
    if source.distribution is None or source.entry_point is None:
        return "given"
    distribution = _of(source)
    if distribution.read_text("REQUESTED") is not None:
        return "asked for"
    return "with another" if distribution.read_text("INSTALLER") else "unknown"


def files_of(source: Source) -> str | None:
    """The file or folder that holds a plugin's code; None for what is built in."""
    if source.builtin:
        return None
    if source.location or source.distribution is None:
        return source.location
    folder = editable_folder(source.distribution)
    if folder is not None:
        return folder
    module = (source.entry_point or "").partition("=")[2].partition(":")[0].strip().partition(".")[0]
    place = Path(str(_of(source).locate_file(module)))
    return str(place if place.is_dir() else place.with_suffix(".py"))


def _of(source: Source) -> metadata.Distribution:
    return metadata.distribution(source.distribution or source.plugin)
