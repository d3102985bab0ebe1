"""What a recommendation is worth on data that nobody trains on: for the record alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from nogd.engine.inputs.loading import StreamedBatches, is_stream
from nogd.engine.inputs.tensors import as_tensors
from nogd.engine.modules.accepted import in_type_taken
from nogd.engine.network import Network
from nogd.engine.objective import Objective
from nogd.engine.several import Inputs, shapes_of
from nogd.engine.stream import Stream
from nogd.errors import DataError

Batch = tuple[Inputs, Tensor]


def held_out(given: Any, objective: Objective) -> Iterable[Batch]:
    """Batches of inputs and targets of what a user gives as validation data, the same in each pass.

    given: a pair (inputs, targets), or a source of batches as `fit` takes in place of inputs. Raises DataError, which
    says that it is of the validation data, where they do not suit the network.
    """
    scorer = _scorer_of(objective)
    try:
        batches = _batches(given, scorer)
        first = next(iter(batches))
        with torch.no_grad():
            scorer.loss.fit_targets(first[1], scorer.conduct(first[0]))
    except DataError as error:
        raise DataError(f"validation: {error}") from error.__cause__
    except Exception as error:  # whatever a forward may raise
        raise DataError(
            f"validation: the module cannot process inputs of shape {shapes_of(first[0])}: {error}."
        ) from error
    return batches


def _batches(given: Any, scorer: Network | Stream) -> Iterable[Batch]:
    if isinstance(given, tuple) and len(given) == 2:
        inputs, targets = as_tensors(*given, scorer.space)
        return [(in_type_taken(scorer.module, inputs, scorer.space.dtype), targets)]
    if is_stream(given, None):
        return StreamedBatches(given, scorer.module, scorer.space)
    raise DataError(
        f"give a pair (inputs, targets), a Dataset, a DataLoader or pairs of batches, not {type(given).__name__}."
    )


class HeldOutMeasure:
    """Training loss and validation loss of theta `[D]`, by the module as its user will have it; counts nothing."""

    def __init__(self, objective: Objective, batches: Iterable[Batch]) -> None:
        self._objective, self._scorer, self._batches = objective, _scorer_of(objective), batches

    def __call__(self, theta: Tensor) -> Mapping[str, float]:
        return self._objective.measure(theta) | {"validation_loss": self._loss(theta)}

    def _loss(self, theta: Tensor) -> float:
        """The mean over all examples; of a loss that is no mean, the mean of batches weighted by their sizes."""
        scorer, total, examples = self._scorer, 0.0, 0
        with torch.no_grad(), scorer.used(theta):
            for inputs, targets in self._batches:
                outputs = scorer.outputs(theta, inputs)
                loss = scorer.loss(outputs, scorer.loss.fit_targets(targets, outputs))
                total += float(loss) * len(targets)
                examples += len(targets)
        return total / examples


def _scorer_of(objective: Objective) -> Network | Stream:
    assert isinstance(objective._scorer, Network | Stream)  # the others have no data
    return objective._scorer
