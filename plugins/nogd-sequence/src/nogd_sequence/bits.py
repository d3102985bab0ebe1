"""What language models are judged by."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from nogd import Metric


def _bits(outputs: Tensor, targets: Tensor) -> float:
    """Cross-entropy in bits, of outputs `[N, classes]` before the softmax and class numbers `[N]`."""
    return float(torch.nn.functional.cross_entropy(outputs, targets)) / math.log(2)


BITS = Metric("bits-per-symbol", _bits, False, "cross-entropy in bits")
