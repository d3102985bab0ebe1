"""Networks and streams with a loss, made of a user's module and data and checked to fit together."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn

from nogd.engine.inputs.loading import StreamedBatches
from nogd.engine.losses import Loss, find_loss
from nogd.engine.modules.accepted import in_type_taken, not_processed
from nogd.engine.modules.conduct import Conduct
from nogd.engine.modules.mode import Mode
from nogd.engine.network import Engine, Network
from nogd.engine.own_loss import looked_at
from nogd.engine.several import Inputs, like, parts_of
from nogd.engine.space import ParameterSpace
from nogd.engine.stream import Stream
from nogd.engine.workable import with_copies
from nogd.errors import DataError, InvalidSetting, UserError

AnyLoss = str | Loss | Callable[[Tensor, Tensor], Tensor]


def make_stream(
    working: nn.Module,
    batches: StreamedBatches,
    loss: AnyLoss,
    space: ParameterSpace,
    engine: Engine | None = None,
    mode: Mode = "eval",
) -> Stream:
    """A module that may be worked on, with streamed data and loss; a DataError if they do not fit together."""
    inputs, targets = batches.first
    every = (x for x, _ in batches)
    return Stream(make_network(working, inputs, targets, loss, space, engine, mode, every), batches)


def make_network(
    working: nn.Module,
    inputs: Inputs,
    targets: Tensor,
    loss: AnyLoss,
    space: ParameterSpace,
    engine: Engine | None = None,
    mode: Mode = "eval",
    batches: Iterable[Inputs] | None = None,
) -> Network:
    """A module that may be worked on, with data and loss; a DataError if they do not fit together.

    batches: inputs of all training data, where those given are but the first batch.
    """
    found, inputs = find_loss(loss), in_type_taken(working, inputs, space.dtype)
    given, parameters = inputs.clone(), dict(working.named_parameters())
    try:
        conduct, outputs = Conduct.observe(working, given, mode)
        if any(part._version for part in parts_of(given).values()):  # which the next candidate would get
            working.register_forward_pre_hook(with_copies, with_kwargs=True)
        conduct.prepare([inputs] if batches is None else (like(batch, inputs) for batch in batches))
    except UserError:
        raise
    except Exception as error:  # whatever a forward may raise
        raise not_processed(working, inputs, error) from error
    if found.targets != "as given" and (not isinstance(outputs, Tensor) or outputs.is_complex()):
        what = outputs.dtype if isinstance(outputs, Tensor) else f"a {type(outputs).__name__}"
        raise DataError(
            f"the module returns {what}, but loss {found.name!r} needs one tensor of real outputs; wrap the module so"
            " that it returns that, or give your own loss."
        )
    replaced = [name for name, each in working.named_parameters() if each is not parameters.get(name)]
    if replaced:
        raise InvalidSetting(
            f"the module's forward puts another parameter in the place of {replaced[0]!r}, so that no candidate can be"
            " set there; let it change values alone."
        )
    fitted = found.fit_targets(targets, outputs)
    looked = looked_at(loss, found, outputs, fitted)
    return Network(conduct, space, inputs, fitted, looked, engine, _shape_of_one(outputs, len(inputs)))


def _shape_of_one(outputs: object, examples: int) -> tuple[int, ...] | None:
    """The shape of one example's outputs; None where the module gives no one tensor of real numbers, a row for each."""
    if not isinstance(outputs, Tensor) or not outputs.ndim or not outputs.is_floating_point():
        return None
    return tuple(outputs.shape[1:]) if len(outputs) == examples else None
