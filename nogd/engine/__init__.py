"""What is minimised: a network, a loss and data (or any callable), with the meter that counts what it costs.

`objective` scores candidates through one of `network`, `stream` and `black_box`, which `making` makes of a user's
module; `accounts/` refuses what does not fit the budget. The rooms `layers/`, `candidates/`, `walks/` and `compiled/`
make it fast; each says what may be used from outside.
"""

from __future__ import annotations

from collections.abc import Sequence

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy

_LOSSES = {  # what `nogd.engine.losses` defines, by name with _ for -
    "mse": "mean squared error",
    "mae": "mean absolute error",
    "huber": "Huber loss, squared below 1 and absolute above",
    "cross-entropy": "softmax cross-entropy with class numbers",
    "binary-cross-entropy": "logistic loss of one logit, targets 0 and 1",
    "hinge": "margin loss, targets 0 and 1 or class numbers",
    "zero-one": "share of wrong predictions; has no gradient",
}


@hookimpl
def nogd_losses() -> Sequence[Lazy]:
    """The built-in losses: named here alone, so that lists need not import them."""
    return [
        Lazy(name, f"nogd.engine.losses:{name.replace('-', '_')}", summary)
        for name, summary in _LOSSES.items()
    ]
