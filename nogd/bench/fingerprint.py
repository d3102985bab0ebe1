"""A checksum of code that lies in no file of its own: what is defined in a notebook, at a prompt or in a script.

Compiled code is looked at rather than its text: it is there where no text is (a prompt, `exec`), it is what really
runs, and a comment changes nothing. It is another for another Python, under which such a cell runs again.
"""

from __future__ import annotations

import dis
import hashlib
import inspect
import os
import sys
import types
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

_DEEPEST = 30
_LONGEST = 256  # of a text that may be a path
_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), range)
_CODE = (type, types.FunctionType, types.MethodType, partial)
# Equal ones may be one object or several, as the compiler likes it.
_UNNUMBERED = (tuple, frozenset, types.CodeType)
_INSTALLED = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Fingerprint:
    """digest: of all that is defined nowhere else, "" where there is nothing. modules: where the rest is defined.

    texts: short constants of that code, which may name data files.
    """

    digest: str
    modules: frozenset[str]
    texts: frozenset[str]


def fingerprint(*things: object) -> Fingerprint:
    """Of classes, functions and objects, with all that they refer to: bases, helpers, global values."""
    visit = _Visit()
    for thing in things:
        visit.see(thing)
    digest = visit.sum.hexdigest()[:8] if visit.loose else ""
    return Fingerprint(digest, frozenset(visit.modules), frozenset(visit.texts))


def is_loose(module: str | None) -> bool:
    """Whether what is defined in a module has no file by which a worker, or tomorrow's call, finds it again."""
    if module is None or module == "__main__":
        return True
    known = sys.modules.get(module)
    return getattr(known, "__file__", None) is None and getattr(known, "__spec__", None) is None


class _Visit:
    """One walk over everything that some things refer to; what was seen before is told by its number."""

    def __init__(self) -> None:
        self.sum, self.loose = hashlib.sha256(), False
        self.modules: set[str] = set()
        self.texts: set[str] = set()
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []  # so that no number is used again
        self._depth = 0

    def see(self, thing: Any) -> None:
        if isinstance(thing, _PLAIN):
            self._note(type(thing).__name__, repr(thing))
            return
        if id(thing) in self._seen:
            self._note("again", self._seen[id(thing)])
            return
        if not isinstance(thing, _UNNUMBERED):
            self._seen[id(thing)] = len(self._seen)
            self._kept.append(thing)
        self._depth += 1
        if self._depth > _DEEPEST:
            self._note("deep", type(thing).__qualname__)
        else:
            self._look(thing)
        self._depth -= 1

    def _note(self, *words: object) -> None:
        self.sum.update(f"{words}".encode("utf-8", "surrogatepass"))

    def _look(self, thing: Any) -> None:
        match thing:
            case type():
                self._class(thing)
            case types.FunctionType():
                self._function(thing)
            case types.ModuleType():
                self.modules.add(thing.__name__)
            case types.CodeType():
                self._code(thing)
            case tuple() | list():
                self._note(type(thing).__name__, len(thing))
                self._all(thing)
            case set() | frozenset():
                self._note("set", sorted(map(repr, thing)))
            case Mapping():
                self._note("mapping", len(thing))
                self._all(part for pair in thing.items() for part in pair)
            case _:
                self._object(thing)

    def _all(self, things: Any) -> None:
        for each in things:
            self.see(each)

    def _class(self, kind: type) -> None:
        self._note("class", kind.__qualname__)
        if not is_loose(kind.__module__):
            self._all(base for base in kind.__bases__ if base is not object)
            self.modules.add(kind.__module__)
            return
        self.loose = True
        self._all(kind.__bases__)
        for name, value in sorted(vars(kind).items()):
            if _decides(name, value):
                self._note(name)
                self.see(value)

    def _function(self, function: types.FunctionType) -> None:
        if not is_loose(function.__module__):
            self._note("function", function.__qualname__)
            self.modules.add(function.__module__)
            return
        self.loose = True
        self.see(function.__code__)
        self._all([function.__defaults__, function.__kwdefaults__])
        for cell in function.__closure__ or ():
            with suppress(ValueError):  # not filled yet
                self.see(cell.cell_contents)
        for name in sorted(set(_globals_of(function.__code__))):
            if name in function.__globals__:
                self._note(name)
                self.see(function.__globals__[name])

    def _code(self, code: types.CodeType) -> None:
        self._note(code.co_code, code.co_exceptiontable, code.co_names, code.co_varnames, code.co_argcount)
        self._note(code.co_freevars, code.co_kwonlyargcount, code.co_flags)
        self.texts.update(
            each for each in code.co_consts if isinstance(each, str) and 0 < len(each) < _LONGEST
        )
        self._all(code.co_consts)

    def _object(self, thing: Any) -> None:
        """A thing of some class: by what it wraps, by its numbers, or by its attributes."""
        kind = type(thing)
        self._note("object")
        self.see(kind)
        array = _array(thing)
        wrapped = _wrapped(thing)
        if wrapped:
            self._all(wrapped)
        elif array is not None:
            self._note(array.dtype.str, array.shape)
            self.sum.update(np.ascontiguousarray(array).tobytes())
        elif isinstance(thing, nn.Module):
            self._note(repr(thing))
            self.see(dict(thing.state_dict()))
        elif kind.__module__.partition(".")[0] in sys.stdlib_module_names and not is_loose(kind.__module__):
            self._note(_told(thing))
        else:
            self._attributes(thing, deep=_is_ours(kind.__module__))

    def _attributes(self, thing: Any, deep: bool) -> None:
        """deep: all of them; else numbers, texts and functions, for who knows what hangs on a package's objects."""
        for name, value in sorted(_attributes_of(thing).items()):
            if deep or isinstance(value, (*_PLAIN, *_CODE)) or _array(value) is not None:
                self._note(name)
                self.see(value)


def _decides(name: str, value: object) -> bool:
    """Whether an entry of a class's namespace can change what it does: code and values, no book-keeping."""
    if name == "__private_attributes__":  # pydantic's, with their defaults
        return True
    if name.startswith("__") and name.endswith("__"):
        return inspect.isroutine(value) or isinstance(value, property | classmethod | staticmethod)
    return not name.startswith(("_abc_", "__pydantic")) and not name.startswith("model_")


def _globals_of(code: types.CodeType) -> Iterator[str]:
    """The global names that code reads, and the code within it."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield str(step.argval)
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _globals_of(part)


def _wrapped(thing: Any) -> tuple[object, ...]:
    match thing:
        case classmethod() | staticmethod():
            return (thing.__func__,)
        case types.MethodType():
            return (thing.__func__, thing.__self__)
        case property():
            return (thing.fget, thing.fset, thing.fdel)
        case cached_property():
            return (thing.func,)
        case partial():
            return (thing.func, thing.args, thing.keywords)
    return ()


def _is_ours(module: str) -> bool:
    """Whether a class is nogd's, wherever that lies, or of no package that is installed for good."""
    return module.partition(".")[0] == "nogd" or is_loose(module) or not is_installed(module)


def _told(thing: object) -> str:
    """How an object of the standard library shows itself, where that tells its value and not its place in memory."""
    text = repr(thing)
    return "" if text.startswith("<") or " at 0x" in text else text


def is_installed(module: str) -> bool:
    """Whether a module belongs to Python or to a package that is installed for good."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or is_installed_file(Path(file))


def is_installed_file(file: Path) -> bool:
    """Whether a file lies where installers put packages, or is Python's own."""
    return any(part in _INSTALLED for part in file.parts) or Path(os.__file__).parent in file.parents


def _array(thing: Any) -> np.ndarray[Any, Any] | None:
    """Numbers of arrays, tensors and frames."""
    if not hasattr(thing, "__array__"):
        return None
    with suppress(Exception):  # a tensor on another device, or one that wants a gradient
        thing = thing.detach().cpu()
    with suppress(Exception):
        array = np.asarray(thing)
        return array if array.dtype != object else np.array(repr(array.tolist()))
    return None


def _attributes_of(thing: Any) -> dict[str, Any]:
    slots = (name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ()))
    own = {name: getattr(thing, name) for name in slots if isinstance(name, str) and hasattr(thing, name)}
    return own | (vars(thing) if hasattr(thing, "__dict__") else {})
