"""What probes around a theta tell of the loss near it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, eq=False)
class ReadoutGram:
    """The last, linear layer's part of a Gram matrix, whose derivatives are known without a probe: its own inputs.

    F is the number of its features: the inputs, and behind them a one for the bias, if that is searched.

    :param weight: where its weights lie in theta, `theta[weight].view(out, -1)`.
    :param bias: the same of its bias; None if there is none, or if it is not searched.
    :param slope: derivatives of the loss, `[out, F]`.
    :param matrix: curvature of each output's weights, `[out, F, F]`: exact where the loss adds up over outputs; for
        "cross-entropy" an upper bound, as the exact one would be out^2 such matrices.
    :param coupling: J^T H J between the probes and these weights, `[K, out, F]`, exact.
    """

    weight: slice
    bias: slice | None
    slope: Tensor
    matrix: Tensor
    coupling: Tensor


@dataclass(frozen=True, eq=False)
class Gram:
    """The loss near theta along K directions, where J is the change of all outputs along each, per unit.

    To second order the value of theta + step @ directions is `value + step @ slope + step @ matrix @ step / 2`.

    :param loss: at theta, a scalar.
    :param losses: of the probes, `[K]`, infinite where not finite.
    :param value: of the loss that is followed, at theta: the surrogate if one was asked for, or the objective's own.
    :param values: the same of the probes, `[K]`.
    :param slope: J^T g, `[K]`, where g is the gradient of the loss that is followed with respect to outputs.
    :param matrix: J^T H J, `[K, K]`, where H is its Hessian with respect to outputs.
    :param readout: the last layer's part, if it was asked for.
    """

    loss: Tensor
    losses: Tensor
    value: Tensor
    values: Tensor
    slope: Tensor
    matrix: Tensor
    readout: ReadoutGram | None = None
