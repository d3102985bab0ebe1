"""How much of a return on the hard task is decided by its start: `python experiments/published/starts.py`.

Each start is braked with all force until the cart stands; a cart that leaves its track before is lost. Prints the
share of lost starts, what they return, and the standard error of a mean over 100 episodes if all other starts return as
much as evojax's best policy on the easy task.
"""

from __future__ import annotations

import torch
from swing_up import STEPS, TRACK, SwingUp, pushed, reward

STARTS, EPISODES, BALANCED = 20_000, 100, 935.0


def braked(state: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Whether carts leave their track while they are braked, and the sum of their rewards until then, `[N]` each."""
    forward = state[:, 1].sign()
    lost, standing = torch.zeros(len(state), dtype=torch.bool), torch.zeros(len(state), dtype=torch.bool)
    returns = torch.zeros(len(state), dtype=torch.float64)
    for _ in range(STEPS):
        state = pushed(state, -forward)
        going = ~lost & ~standing
        returns += torch.where(going, reward(state), 0.0)
        lost |= going & (state[:, 0].abs() > TRACK)
        standing |= going & ~lost & (state[:, 1] * forward <= 0)
        if (lost | standing).all():
            break
    return lost, returns


def main() -> None:
    """Brake, and say what follows."""
    lost, returns = braked(SwingUp(begin="anywhere").start(torch.arange(STARTS)))
    most = torch.where(lost, returns, BALANCED)
    print(f"lost: {lost.double().mean():.3f} of {STARTS} starts, which return {returns[lost].mean():.0f}")
    print(f"mean if all others return {BALANCED:.0f}: {most.mean():.0f}")
    print(f"standard error of a mean over {EPISODES}: {most.std() / EPISODES**0.5:.0f}")


if __name__ == "__main__":
    main()
