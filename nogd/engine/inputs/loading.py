"""Whatever people stream data from, as batches of tensors that are the same in every pass."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    default_collate,
)

from nogd.engine.inputs.arrays import tensor_of
from nogd.engine.inputs.tensors import as_tensors, named
from nogd.engine.modules.accepted import in_type_taken
from nogd.engine.several import Inputs, Key, like, parts_of, shapes_of
from nogd.engine.space import ParameterSpace
from nogd.errors import DataError, InvalidSetting, first_line

# Elements of the inputs of a batch that is made of single examples: 16 MiB in float32.
BATCH_ELEMENTS = 1 << 22

_CURE = "give a list of batches, a Dataset, a DataLoader, or an object whose __iter__ begins anew each time"


def is_stream(inputs: Any, targets: Any) -> bool:
    """Whether inputs are a source of batches or examples that carry their targets; arrays are not.

    Raises DataError where such a source comes with targets besides.
    """
    if isinstance(inputs, Dataset | DataLoader):
        if targets is not None:
            raise DataError(
                f"a {type(inputs).__name__} carries its targets with its inputs, so give no targets besides."
            )
        return True
    is_array = hasattr(inputs, "__array__") or isinstance(inputs, Tensor | str | bytes)
    return targets is None and isinstance(inputs, Iterable) and not is_array


class StreamedBatches:
    """Batches of inputs `[B, ...]` and targets on the module's device, numbers in the parameters' type.

    source: a torch Dataset (examples are put together to batches of a size that follows from their shape), a
    DataLoader that does not shuffle, or anything that can be iterated over again and again and gives pairs of a
    batch's inputs and targets. The first pass, made here, looks at all data; later ones must be like it.
    Raises DataError for what is no such source, or for data that are empty, not numbers or not finite.
    """

    def __init__(self, source: Any, module: nn.Module, space: ParameterSpace) -> None:
        self._source, self._module, self._space = _loader(source), module, space
        self._first: tuple[Inputs, Tensor] | None = None
        self._taken: Inputs | None = None  # the first batch's, empty, in the types that the module takes
        self._sizes = [len(inputs) for inputs, _ in self._pass()]
        if not self._sizes:
            raise DataError("the data are empty: there is no batch to learn from.")
        self.examples = sum(self._sizes)

    @property
    def first(self) -> tuple[Inputs, Tensor]:
        """The first batch."""
        assert self._first is not None
        return self._first

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[tuple[Inputs, Tensor]]:
        count = 0
        for inputs, targets in self._pass():
            self._check_size(count, len(inputs))
            count += 1
            yield inputs, targets
        if count < len(self._sizes):
            raise DataError(
                f"the first pass over the data gave {len(self._sizes)} batches, but a later one {count}; every pass"
                f" must give the same data: {_CURE}."
            )

    def rows(self, rows: Tensor) -> tuple[Inputs, Tensor]:
        """Inputs and targets of these examples. Raises InvalidSetting where examples have no numbers."""
        source = self._source
        if not _has_rows(source):
            raise InvalidSetting(
                "streamed batches have no numbered rows to choose mini-batches from; leave `rows` and `batch_size` out"
                " or give a map-style Dataset."
            )
        return self._tensors("mini-batch", source.collate_fn([source.dataset[k] for k in rows.tolist()]))

    def _pass(self) -> Iterator[tuple[Inputs, Tensor]]:
        for number, batch in enumerate(_iterated(self._source)):
            inputs, targets = self._tensors(f"batch {number}", batch)
            if number == 0:
                self._check_first(inputs, targets)
            elif _forms(inputs) != _forms(self.first[0]):
                raise DataError(
                    f"batch {number} has inputs of shape {shapes_of(inputs)}, but the first one"
                    f" {shapes_of(self.first[0])}; all examples must have the same shape."
                )
            yield inputs, targets

    def _tensors(self, name: str, batch: Any) -> tuple[Inputs, Tensor]:
        if not (isinstance(batch, tuple | list) and len(batch) == 2):
            raise DataError(
                f"without targets the data must come as pairs (inputs, targets), but {name} is a"
                f" {type(batch).__name__}{_held(batch)}."
            )
        inputs, targets = batch
        if isinstance(inputs, list) and isinstance(self._source, DataLoader):
            inputs = tuple(inputs)  # what torch makes of examples whose inputs are a tuple
        try:
            inputs, targets = as_tensors(inputs, targets, self._space)
            return self._in_type(inputs), targets
        except DataError as error:
            raise DataError(f"{name}: {error}") from error.__cause__

    def _in_type(self, inputs: Inputs) -> Inputs:
        """The inputs in the type that the module takes: that of the first batch, the first time."""
        if self._taken is None:
            inputs = in_type_taken(self._module, inputs, self._space.dtype)
            self._taken = inputs[:0].clone()
        taken = parts_of(self._taken)
        if parts_of(inputs).keys() != taken.keys():
            raise DataError("it has other inputs than the first batch; give all batches the same.")
        for key, part in parts_of(inputs).items():
            kind = taken[key].dtype
            if part.dtype != kind and not kind.is_floating_point:
                raise DataError(
                    f"the {named(key)} are of {part.dtype}, but those of the first batch of {kind}, which the module"
                    " takes as they are; give all batches in one type."
                )
        return like(inputs, self._taken)

    def _check_first(self, inputs: Inputs, targets: Tensor) -> None:
        if self._first is None:
            self._first = inputs.clone(), targets.clone()  # the source may use its memory again
        elif not (_equal(self._first[0], inputs) and torch.equal(self._first[1], targets)):
            raise DataError(
                "the first batch differs from that of the first pass; every pass must give the same data in the"
                " same order, so switch off shuffling and random changes of the examples."
            )

    def _check_size(self, number: int, size: int) -> None:
        expected = self._sizes[number] if number < len(self._sizes) else 0
        if size != expected:
            raise DataError(
                f"batch {number} has {size} rows, but had {expected} in the first pass; every pass must give the"
                f" same data: {_CURE}."
            )


def _forms(inputs: Inputs) -> dict[Key, torch.Size]:
    return {key: part.shape[1:] for key, part in parts_of(inputs).items()}


def _equal(inputs: Inputs, others: Inputs) -> bool:
    pairs = zip(parts_of(inputs).values(), parts_of(others).values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def _held(batch: Any) -> str:
    """What a batch that is no pair is made of, with what would be right."""
    if isinstance(batch, Mapping):
        keys = ", ".join(f"{key!r:.30}" for key in list(batch)[:5])
        return f" that holds {keys}; choose two of them, such as (batch['x'], batch['y'])"
    if isinstance(batch, tuple | list):
        return f" of {len(batch)}; several inputs are a tuple or a dict of their own: ((a, b), targets)"
    return "; data and targets in memory are given side by side: inputs, targets"


def _loader(source: Any) -> Any:
    """What gives batches when it is iterated over, again and again."""
    if isinstance(source, DataLoader):
        if isinstance(source.sampler, RandomSampler):
            raise DataError(
                "the DataLoader shuffles, but candidates are compared on the same data in the same order; make it with"
                " shuffle=False."
            )
        return _with_all_values(source)
    if isinstance(source, Dataset):
        return _batched(source)
    if isinstance(source, Iterator):
        raise DataError(
            f"the data are a {type(source).__name__}, which can be iterated over only once, but each call needs a pass"
            f" of its own; {_CURE}."
        )
    return source


def _batched(dataset: Dataset[Any]) -> DataLoader[Any]:
    """The examples in order, in batches of a size that follows from their shape alone."""
    if not isinstance(dataset, IterableDataset) and not hasattr(dataset, "__len__"):
        raise DataError(
            f"the Dataset {type(dataset).__name__} has no length; give it __len__, or make it an IterableDataset."
        )
    example = next(iter(_iterated(DataLoader(dataset, 1, collate_fn=_collated))), None)
    inputs = example[0] if isinstance(example, tuple | list) and example else None
    parts = (
        inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, list) else [inputs]
    )
    elements = sum(part.numel() for part in parts if isinstance(part, Tensor))
    return DataLoader(dataset, max(1, BATCH_ELEMENTS // max(1, elements)), collate_fn=_collated)


def _with_all_values(loader: DataLoader[Any]) -> DataLoader[Any]:
    """The loader as it is, or where it collates as torch does by default, one like it that hides no values."""
    if loader.collate_fn is not default_collate:
        return loader
    loader = copy.copy(loader)
    loader.collate_fn = _collated
    return loader


def _collated(examples: list[Any]) -> Any:
    """A batch of the examples, as torch makes it, which by itself loses masks and does not know all types of numpy."""
    try:
        return default_collate([_read(example) for example in examples])
    except (TypeError, RuntimeError) as error:
        raise DataError(f"the examples of the Dataset do not make a batch: {first_line(error)}") from error


def _read(value: Any) -> Any:
    """An example with its arrays as tensors."""
    if isinstance(value, np.ndarray) and value.ndim:
        return tensor_of(value, "values of an example")
    if type(value) is dict:
        return {key: _read(each) for key, each in value.items()}
    return type(value)(map(_read, value)) if type(value) in (tuple, list) else value


def _iterated(source: Iterable[Any]) -> Iterator[Any]:
    """One pass. A DataLoader draws a seed for its workers: here the same for each pass, and from nobody's stream."""
    if not isinstance(source, DataLoader):
        return iter(source)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        return iter(source)


def _has_rows(source: Any) -> bool:
    """Whether example k of a pass is `source.dataset[k]`."""
    return (
        isinstance(source, DataLoader)
        and not isinstance(source.dataset, IterableDataset)
        and type(source.sampler) is SequentialSampler
        and type(source.batch_sampler) is BatchSampler
    )
