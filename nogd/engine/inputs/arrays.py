"""Whatever people hold numbers in, as one dense tensor of the type that it has; the rest is refused, never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from numbers import Integral, Real
from types import NoneType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.masked import MaskedTensor

from nogd.errors import DataError, first_line

_NUMBERS = (Real, Decimal, np.bool_)
_WHOLE = (Integral, np.bool_)
_MISSING = ("NAType", "NaTType", "MaskedConstant")
_CURE = "fill or drop them first"


def tensor_of(data: Any, name: str) -> Tensor:
    """The numbers of `data` `[N, ...]`: of a tensor where it is, of an array, a table or lists as a copy on the CPU.

    name: what they are, "inputs". Only a type that torch lacks becomes another one: long doubles and the like become
    float64, columns of several types what holds them all. Raises DataError for what hides some of its values or has
    none (masked, sparse, missing), and for what are no numbers in rows.
    """
    tensor = _dense(data, name) if isinstance(data, Tensor) else torch.from_numpy(_array(data, name))
    if tensor.is_complex():
        raise DataError(f"the {name} must be real numbers, not {tensor.dtype}.")
    if tensor.ndim == 0:
        raise DataError(f"the {name} must have one row for each example, but they are a single number.")
    return tensor


def _dense(data: Tensor, name: str) -> Tensor:
    if isinstance(data, MaskedTensor):
        raise DataError(f"the {name} are a MaskedTensor, some of whose values do not count; {_CURE}.")
    if data.is_nested:
        raise DataError(
            f"the {name} are a nested tensor, whose rows may differ in length; pad them to one length."
        )
    if data.is_quantized:
        raise DataError(f"the {name} are a quantised tensor; call dequantize() on it first.")
    if data.is_meta:
        raise DataError(f"the {name} are on the device 'meta', where tensors have no values.")
    if data.layout != torch.strided:
        raise DataError(
            f"the {name} must be in a dense tensor, not in {data.layout}; call to_dense() on it first."
        )
    return data.detach()


def _array(data: Any, name: str) -> NDArray[Any]:
    """A copy in a type that torch knows: it takes no reversed, read-only (pandas) or foreign arrays, and whoever gave
    this one may go on changing it.
    """
    _refuse_others(data, name)
    try:
        array = np.asarray(data)
    except Exception as error:  # rows of unequal length, or whatever a type of one's own may raise
        raise DataError(f"the {name} do not form an array: {first_line(error)}.") from error
    if array.dtype.names is not None:
        raise DataError(
            f"the {name} are a structured array with fields {', '.join(map(repr, array.dtype.names))}; make columns of"
            " them with numpy.lib.recfunctions.structured_to_unstructured."
        )
    if array.dtype.kind == "O":
        array = _of_objects(array, getattr(data, "columns", None), name)
    if array.dtype.kind not in "fiub":
        raise DataError(f"the {name} must be numbers, but they are of type {array.dtype}; encode them first.")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, which is refused by its place
        wide = array.dtype.kind == "f" and array.dtype.itemsize > np.dtype(np.float64).itemsize
        return np.array(array, np.float64 if wide else array.dtype.newbyteorder("="), order="C")


def _refuse_others(data: Any, name: str) -> None:
    """Refuse what would become an array that says something else."""
    if data is None:
        raise DataError(
            f"the {name} must be numbers, but there are none; only a Dataset or another source of batches carries its"
            " targets with it."
        )
    if isinstance(data, Mapping):
        held = ", ".join(f"{key!r:.30}" for key in list(data)[:5]) or "nothing"
        raise DataError(
            f"the {name} are a {type(data).__name__} that holds {held}, but must be one array; join its values along"
            " the features, and let the module take them apart."
        )
    if hasattr(data, "tocoo") or (hasattr(data, "todense") and hasattr(data, "nnz")):
        raise DataError(
            f"the {name} are a {type(data).__name__}, a sparse matrix; make it dense first, as toarray() does."
        )
    place = _masked_place(data)
    if place is not None:
        raise DataError(f"the {name} are masked at {place}, and masked values are not data; {_CURE}.")


def _masked_place(data: Any) -> list[int] | None:
    """Where the first masked value is, in an array or in lists of such; None where there is none."""
    if isinstance(data, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(data)
        if mask.dtype != bool or not mask.any():  # a structured array has a structured one
            return None
        return [int(k) for k in np.argwhere(mask)[0]]
    if isinstance(data, list | tuple):
        for number, part in enumerate(data):
            place = _masked_place(part)
            if place is not None:
                return [number, *place]
    return None


def _of_objects(array: NDArray[Any], columns: Any, name: str) -> NDArray[Any]:
    """An array of Python's own numbers, such as a table whose columns differ in type, in one type that holds them."""
    kinds = {type(value) for value in array.flat}
    missing = {kind for kind in kinds if kind is NoneType or kind.__name__ in _MISSING}
    if missing:
        value, where, count = _found(array, missing, columns)
        raise DataError(f"the {name} hold {value!r} at {where} ({count} values are missing); {_CURE}.")
    others = {kind for kind in kinds if not issubclass(kind, _NUMBERS)}
    if others:
        value, where, _ = _found(array, others, columns)
        raise DataError(
            f"the {name} must be numbers, but at {where} there is {value!r:.40} of type {type(value).__name__}; encode"
            " it first."
        )
    return array.astype(_type_for(kinds, array.flat))


def _found(array: NDArray[Any], kinds: set[type], columns: Any) -> tuple[Any, str, int]:
    """The first value of these types, where it is, and how many there are."""
    places = [place for place, value in np.ndenumerate(array) if type(value) in kinds]
    first = places[0]
    column = f" (column {columns[first[1]]!r})" if columns is not None and len(first) > 1 else ""
    return array[first], f"{list(first)}{column}", len(places)


def _type_for(kinds: set[type], values: Iterable[Any]) -> type:
    if kinds and all(issubclass(kind, bool | np.bool_) for kind in kinds):
        return bool
    whole = bool(kinds) and all(issubclass(kind, _WHOLE) for kind in kinds)
    return np.int64 if whole and all(-(2**63) <= value < 2**63 for value in values) else np.float64
