"""What decides a run of `nogd.fit` or `nogd.minimize`: by it a checkpoint knows the call that it belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from nogd.engine.accounts.meter import Budget
from nogd.engine.black_box import BlackBox
from nogd.engine.black_box_of_outputs import BlackBoxOfOutputs
from nogd.engine.network import Network
from nogd.engine.objective import Objective
from nogd.engine.several import Inputs, parts_of
from nogd.engine.simulation import Simulation
from nogd.engine.space import ParameterSpace
from nogd.engine.stream import Stream
from nogd.plugins.sources import RESULTS_VERSION
from nogd.training.learner import Learner
from nogd.training.names import written

Call = Mapping[str, str]
# What is only known by its checksum, and what is said where that differs.
SUMS = {
    "data": "the data are others",
    "validation": "the validation data are others",
    "module": "the module's layers, fixed parameters or buffers are others",
    "start": "the module's parameters are others",
    "bounds": "the bounds are others",
}


def call_of(
    learner: Learner,
    objective: Objective,
    budget: Budget,
    module: nn.Module,
    held: Iterable[tuple[Inputs, Tensor]] | None,
    **settings: object,
) -> Call:
    """All that decides the run, by name; functions count by their names alone.

    held: batches of validation data. settings: seed and target.
    """
    scorer, space = objective._scorer, objective.space
    assert not isinstance(scorer, Simulation)  # no door takes one
    data = None if isinstance(scorer, BlackBox) and not isinstance(scorer, BlackBoxOfOutputs) else scorer
    found: dict[str, object] = {
        "learner": written(learner),
        "score": _name_of(scorer.score) if isinstance(scorer, BlackBox) else None,
        "loss": None if data is None else data.loss.name,
        "budget": ", ".join(f"{most:g} {name}" for name, most in budget.model_dump().items() if most),
        "dtype": space.dtype,
        "device": space.device,
        "data": None if data is None else checksum(_data(data)),
        "validation": None if held is None else checksum(_first_of(held)),
        "bounds": checksum((each.name, each.low, each.high) for each in space),
        "module": checksum(_fixed(module, space)),
        "start": start_of(module, space),
        "mode": None if isinstance(scorer, BlackBox) else scorer.mode,
        "batch_size": objective.batch_size,
        "results version of nogd": RESULTS_VERSION,
    }
    return {name: str(value) for name, value in {**found, **settings}.items()}


def differences(call: Call, saved: Call) -> list[str]:
    """In words, what the call has otherwise than the one that was saved."""
    changed = [name for name in {**call, **saved} if call.get(name) != saved.get(name)]
    return [SUMS.get(name) or f"{name} was {saved.get(name)}, now {call.get(name)}" for name in changed]


def start_of(module: nn.Module, space: ParameterSpace) -> str:
    """The checksum of the searched parameters."""
    parameters = dict(module.named_parameters())
    return checksum(parameters[each.name] for each in space)


def checksum(values: Iterable[object]) -> str:
    """The checksum of tensors, by type, shape and bits, and of whatever else there is, as it is written."""
    total = hashlib.blake2b(digest_size=16)
    for value in values:
        if isinstance(value, Tensor):
            plain = value.detach().cpu().contiguous()
            total.update(f"{plain.dtype}{list(plain.shape)}".encode())
            total.update(plain.reshape(-1).view(torch.uint8).numpy().data)
        else:
            total.update(repr(value).encode())
    return total.hexdigest()


def _name_of(function: object) -> str:
    kind: Any = function if hasattr(function, "__qualname__") else type(function)
    return f"{kind.__module__}.{kind.__qualname__}"


def _data(scorer: Network | Stream | BlackBoxOfOutputs) -> Iterator[object]:
    """All data in memory; of streamed ones the first batch and how many examples there are."""
    if isinstance(scorer, BlackBoxOfOutputs):
        yield scorer.targets_of(None)
    elif isinstance(scorer, Network):
        yield from _batch(scorer.inputs, scorer.targets)
    else:
        yield scorer.examples
        yield from _first_of(scorer.batches)


def _batch(inputs: Inputs, targets: Tensor) -> Iterator[object]:
    for key, part in parts_of(inputs).items():
        yield from (key, part)
    yield targets


def _first_of(batches: Iterable[tuple[Inputs, Tensor]]) -> Iterator[object]:
    for batch in islice(batches, 1):
        yield from _batch(*batch)


def _fixed(module: nn.Module, space: ParameterSpace) -> Iterator[object]:
    """The kinds of the module's parts, with what torch's own say of themselves, and all tensors but the searched."""
    searched = {each.name for each in space}
    for name, part in module.named_modules():
        said = part.extra_repr() if type(part).__module__.startswith("torch.nn.") else ""
        yield name, type(part).__qualname__, said
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        if name not in searched:
            yield name
            yield tensor
