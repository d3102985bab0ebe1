"""What SQLite complains of, as a sentence that says what is wrong and what to do: by its code, whatever its words."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

_KEPT = "What was finished before is kept;"
_FOREIGN = "{path} is not a store of nogd ({message}); move it away or give another --out."
_REFUSED = "{path} cannot be used: {message}; check that its folder is writable."
_LOCKED = "{path} is in use by another process ({message}); run the same command again when that has ended."
_UNLOCKABLE = (
    "{path} cannot be locked ({message}), as on some network drives; give --out a folder on a local disk."
)
_OTHER = "{path} cannot be used: {message} ({name})."
_SENTENCES: Mapping[int, str] = {
    sqlite3.SQLITE_FULL: f"no space left for {{path}}. {_KEPT} make room and run the same command again.",
    sqlite3.SQLITE_IOERR: (
        "the system could not read or write {path} ({name}): its disk is full, over a quota or failing."
        f" {_KEPT} mend that and run the same command again."
    ),
    sqlite3.SQLITE_CORRUPT: (
        "{path} is damaged ({message}): put a copy of it back, or move it away and run again;"
        " 'sqlite3 {path} .recover' may save what is left in it."
    ),
    sqlite3.SQLITE_NOTADB: _FOREIGN,
    sqlite3.SQLITE_ERROR: _FOREIGN,  # our statements are right: the tables are not ours
    sqlite3.SQLITE_READONLY: _REFUSED,
    sqlite3.SQLITE_CANTOPEN: _REFUSED,
    sqlite3.SQLITE_PERM: _REFUSED,
    sqlite3.SQLITE_AUTH: _REFUSED,
    sqlite3.SQLITE_BUSY: _LOCKED,
    sqlite3.SQLITE_LOCKED: _LOCKED,
    sqlite3.SQLITE_PROTOCOL: _UNLOCKABLE,
    sqlite3.SQLITE_NOLFS: _UNLOCKABLE,
    sqlite3.SQLITE_NOMEM: "there is not enough memory to read {path}; end other programs, or use another machine.",
}


def sentence(path: object, error: sqlite3.Error) -> str | None:
    """What is wrong with the database at that path; None for an error of Python's module, which is a bug of ours."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return None
    # The lower byte is the kind; what is above it tells details, which the name has.
    told = _SENTENCES.get(code & 0xFF, _OTHER)
    return told.format(path=path, message=error, name=getattr(error, "sqlite_errorname", f"code {code}"))
