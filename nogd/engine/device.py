"""Devices by name."""

from __future__ import annotations

import torch

from nogd.errors import InvalidSetting, first_line


def find_device(name: str | torch.device) -> torch.device:
    """The device of that name, such as "cpu" or "cuda:0". Raises InvalidSetting if this machine has none such."""
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # the device "meta" exists, but holds no numbers
    except (RuntimeError, AssertionError, TypeError) as error:
        reason = first_line(error).rstrip(".")
        raise InvalidSetting(f"device {str(name)!r} is not available on this machine: {reason}.") from None
    return device
