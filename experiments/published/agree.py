"""The swing-up beside evojax's own, from the same states: `python experiments/published/agree.py`.

Needs `pip install evojax==0.2.17`, in an environment of its own. Prints the largest differences between the states,
rewards and observations of one step, and between the returns of whole episodes of the same policies.
"""

from __future__ import annotations

import logging

import jax
import jax.numpy as jnp
import numpy as np
import torch
from evojax.policy import MLPPolicy
from evojax.task import cartpole
from swing_up import STEPS, TRACK, UNITS, SwingUp, observed, pushed, reward

from nogd import ParameterSpace, Policies
from nogd.engine.policies import PolicyNetwork

STATES, POLICIES, EPISODES = 10_000, 8, 64


def steps(states: np.ndarray, forces: np.ndarray) -> dict[str, float]:
    """The largest differences after one step from states `[N, 4]` under forces `[N]`."""
    theirs = jax.vmap(cartpole.update_state)(jnp.asarray(forces)[:, None], jnp.asarray(states))
    ours = pushed(torch.as_tensor(states), torch.as_tensor(forces))
    return {
        "state": _apart(ours, theirs),
        "reward": _apart(reward(ours), jax.vmap(cartpole.get_reward)(theirs)),
        "observation": _apart(observed(ours), jax.vmap(cartpole.get_obs)(theirs)),
        "end": float(
            ((ours[:, 0].abs() > TRACK).numpy() != np.asarray(jax.vmap(cartpole.out_of_screen)(theirs))).sum()
        ),
    }


def episodes(begin: str, rng: np.random.Generator) -> tuple[float, float]:
    """The largest difference between returns of random policies, and the largest return."""
    task = SwingUp(begin=begin)
    module = task.network()
    space = ParameterSpace(module, task.bounds)
    thetas = rng.normal(0, 0.3, (POLICIES, len(space.read(module))))
    seeds = torch.arange(EPISODES)
    with torch.no_grad():
        ours = task.rollout(Policies(PolicyNetwork(module.double(), space), torch.as_tensor(thetas)), seeds)
    theirs = np.stack([_their_returns(theta, task.start(seeds).numpy()) for theta in thetas])
    return _apart(ours, theirs), float(ours.max())


def _their_returns(theta: np.ndarray, states: np.ndarray) -> np.ndarray:
    """Returns of one policy from states `[E, 4]`: evojax' network, steps and rewards, summed as by its SimManager."""
    sizes = [(5, UNITS), (UNITS, UNITS), (UNITS, 1)]
    layers, at = [], 0
    for before, after in sizes:
        weight = theta[at : at + before * after].reshape(after, before).T
        at += before * after
        layers.append((theta[at : at + after], weight))
        at += after
    policy = MLPPolicy(input_dim=5, hidden_dims=[UNITS, UNITS], output_dim=1)
    flat = np.concatenate([part.ravel() for layer in layers for part in layer])

    def step(carry, _):
        state, total, alive = carry
        seen = cartpole.State(obs=jax.vmap(cartpole.get_obs)(state), state=state, steps=0, key=0)
        action, _ = policy.get_actions(seen, jnp.tile(flat, (len(states), 1)), None)
        state = jax.vmap(cartpole.update_state)(action, state)
        total = total + jax.vmap(cartpole.get_reward)(state) * alive
        alive = alive * (1 - jax.vmap(cartpole.out_of_screen)(state))
        return (state, total, alive), None

    first = (jnp.asarray(states), jnp.zeros(len(states)), jnp.ones(len(states)))
    return np.asarray(jax.lax.scan(step, first, None, STEPS)[0][1])


def _apart(ours: torch.Tensor, theirs: object) -> float:
    return float(np.abs(ours.numpy() - np.asarray(theirs)).max())


def main() -> None:
    """Compare in double precision, as rounding grows along an episode that balances a pole."""
    jax.config.update("jax_enable_x64", True)
    logging.disable(logging.INFO)
    rng = np.random.default_rng(0)
    states = rng.uniform(-1, 1, (STATES, 4)) * [3.0, 10.0, 2 * np.pi, 10.0]
    for name, difference in steps(states, rng.uniform(-2, 2, STATES)).items():
        print(f"{name}: {difference:.1e}")
    for begin in ("hanging", "anywhere"):
        difference, highest = episodes(begin, rng)
        print(f"returns of episodes that begin {begin}: {difference:.1e}, the highest {highest:.0f}")


if __name__ == "__main__":
    main()
