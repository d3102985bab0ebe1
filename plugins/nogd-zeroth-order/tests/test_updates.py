"""One step of each learner against its paper's update, written out slowly with the same random numbers."""

from __future__ import annotations

import math

import pytest
import torch
from landscapes import FLOOR, SLOPES, begin, bowl, flat, network, plane
from nogd_zeroth_order.draws import draw_normal, draw_seeds, draw_signs
from nogd_zeroth_order.two_sided import slopes_of

import nogd
from nogd.engine.accounts.meter import Limit
from nogd.training.names import build

START = torch.tensor([0.2, -0.4, 1.0, 0.0, 0.7], dtype=torch.float64)
RATE, SIGMA = 1e-2, 1e-2


def twin(seed=0):
    return torch.Generator().manual_seed(seed)


def stepped(name, steps=1, start=START, landscape=bowl, **settings):
    learner = build(f"{name},lr={RATE},sigma={SIGMA}" if name != "forward-gradient" else f"{name},lr={RATE}")
    learner = type(learner)(**{**dict(learner), **settings})
    made, state = begin(learner, landscape, start)
    for _ in range(steps):
        learner.step(made, state)
    return state.theta


def normals(rng, pairs):
    """The directions of `Perturbed`, from its seeds."""
    zero = torch.zeros_like(START)
    return [nogd.Perturbed(zero, (seed,), 1.0).dense()[0] for seed in draw_seeds(rng, pairs)]


def estimate(theta, directions, sigma=SIGMA):
    total = torch.zeros_like(theta)
    for v in directions:
        total += (bowl(theta + sigma * v) - bowl(theta - sigma * v)) / (2 * sigma) * v
    return total / len(directions)


def test_spsa():
    theta, rng, A = START.clone(), twin(), 7.0
    for k in range(3):
        a, c = RATE * (A + 1) ** 0.602 / (A + k + 1) ** 0.602, SIGMA / (k + 1) ** 0.101
        delta = draw_signs(rng, 1, theta)[0]
        difference = bowl(theta + c * delta) - bowl(theta - c * delta)
        theta = theta - a * torch.stack([difference / (2 * c * delta[i]) for i in range(len(theta))])
    assert stepped("spsa", 3, stability=A).allclose(theta, rtol=1e-10)


def test_spsa_draws_minus_one_and_one_alone():
    signs = draw_signs(twin(), 100, START)
    assert set(signs.flatten().tolist()) == {-1.0, 1.0}
    assert abs(float(signs.mean())) < 0.15


def test_spsas_stability_is_a_tenth_of_the_steps_that_the_budget_allows():
    learner = build("spsa,population=4")
    made, _ = begin(learner, bowl, START)
    with made.within(Limit(forwards=400)):
        assert learner.init(made, START.clone(), twin()).stability == 10
    assert learner.init(made, START.clone(), twin()).stability == 100


def test_spsa_does_not_explode_where_the_first_slopes_are_steep():
    learner = build("spsa")
    made, state = begin(learner, lambda theta: 1e8 * bowl(theta), START)
    for _ in range(200):
        learner.step(made, state)
    assert bowl(state.theta) < bowl(START)


def test_zo_sgd():
    theta, rng, velocity = START.clone(), twin(), torch.zeros_like(START)
    for _ in range(3):
        velocity = 0.9 * velocity + estimate(theta, normals(rng, 4))
        theta = theta - RATE * velocity
    assert stepped("zo-sgd", 3, momentum=0.9, population=8).allclose(theta, rtol=1e-10)


def test_zo_sign():
    theta, rng = START.clone(), twin()
    for _ in range(3):
        theta = theta - RATE * estimate(theta, normals(rng, 4)).sign()
    assert stepped("zo-sign", 3, population=8).allclose(theta, rtol=1e-10)


@pytest.mark.parametrize("amsgrad", [False, True])
def test_zo_adam(amsgrad):
    theta, rng = START.clone(), twin()
    m, v, largest = (torch.zeros_like(START) for _ in range(3))
    for t in range(1, 6):
        g = estimate(theta, normals(rng, 4))
        m, v = 0.9 * m + 0.1 * g, 0.99 * v + 0.01 * g**2
        largest = torch.maximum(largest, v)
        if amsgrad:
            theta = theta - RATE * m / (largest.sqrt() + 1e-8)
        else:
            theta = theta - RATE * (m / (1 - 0.9**t)) / ((v / (1 - 0.99**t)).sqrt() + 1e-8)
    assert stepped("zo-adam", 5, amsgrad=amsgrad, population=8, beta2=0.99).allclose(theta, rtol=1e-9)


def test_guided_es():
    """In the paper's terms: epsilon ~ N(0, sigma^2 S), S = alpha / n I + (1 - alpha) / k U U', beta = 2."""
    n, alpha, rng, theta, guides = len(START), 0.5, twin(), START.clone(), []
    sigma = SIGMA * math.sqrt(n)
    for _ in range(4):
        wide = draw_normal(rng, 4, theta)
        epsilons = [sigma / math.sqrt(n) * z for z in wide]
        if guides:
            k = len(guides)
            U = torch.linalg.qr(torch.stack([g / g.abs().max() for g in guides]).T)[0]
            along = draw_normal(rng, 4, U[0])
            epsilons = [
                sigma * (math.sqrt(alpha / n) * z + math.sqrt((1 - alpha) / k) * U @ w)
                for z, w in zip(wide, along, strict=True)
            ]
        g = sum(e * (bowl(theta + e) - bowl(theta - e)) for e in epsilons) * 2 / (2 * sigma**2 * 4)
        theta = theta - RATE * g
        guides = [g, *guides][:2]
    assert stepped("guided-es", 4, population=8, guides=2).allclose(theta, rtol=1e-9)


def test_mezo():
    theta, rng = START.clone(), twin()
    for _ in range(3):
        z = normals(rng, 1)[0]
        projected = (bowl(theta + SIGMA * z) - bowl(theta - SIGMA * z)) / (2 * SIGMA)
        theta = theta - RATE * projected * z
    assert stepped("mezo", 3, population=2).allclose(theta, rtol=1e-10)


def test_fzoo():
    """With one-sided losses, their mean-square spread over N - 1, and g / std."""
    theta, rng, N = START.clone(), twin(), 8
    for _ in range(3):
        signs = draw_signs(rng, N, theta)
        l0, losses = bowl(theta), torch.stack([bowl(theta + SIGMA * u) for u in signs])
        g = sum((loss - l0) * u for loss, u in zip(losses, signs, strict=True)) / (SIGMA * N)
        std = math.sqrt(sum((loss - losses.mean()) ** 2 for loss in losses) / (N - 1))
        theta = theta - RATE * g / std
    assert stepped("fzoo", 3).allclose(theta, rtol=1e-8)


def test_fzoo_does_not_move_where_the_losses_differ_by_rounding_alone():
    def nearly_flat(theta):
        return flat(theta) + 1e-16 * theta.sum()

    assert stepped("fzoo", 3, landscape=nearly_flat).equal(START)


def test_lozo():
    """Two layers; V stays for two steps; matrices by U V' / rank, vectors by normal directions."""
    module, inputs, targets = network()
    made = nogd.objective(module, inputs, targets)
    learner = build(f"lozo,lr={RATE},sigma={SIGMA},rank=2,interval=2")
    theta, rng = made.space.read(module), twin()
    state, slow = learner.init(made, theta.clone(), twin()), theta.clone()
    epsilon, kept = SIGMA / math.sqrt(2), None
    for step in range(3):
        learner.step(made, state)
        drawn = nogd.LowRank.draw(made.space, slow, 1, SIGMA, rng, 2)
        if step % 2 == 0:
            kept = drawn.right
        moves = [
            u[0] if v is None else u[0] @ v[0].T for u, v in zip(drawn.left, kept, strict=True)
        ]  # vectors are drawn with a deviation of sqrt(rank): epsilon times that is sigma
        z = torch.cat([move.flatten() for move in moves])
        plus, minus = made.losses(nogd.Population(torch.stack([slow + epsilon * z, slow - epsilon * z])))
        slow = slow - RATE * (plus - minus) / (2 * epsilon) * z / 2
        assert state.theta.allclose(slow, rtol=1e-8)


def test_lozos_steps_stay_in_one_subspace_until_v_is_drawn_again():
    module, inputs, targets = network()
    made = nogd.objective(module, inputs, targets)
    learner = build(f"lozo,lr={RATE},rank=1,interval=3")
    state = learner.init(made, made.space.read(module), twin())
    ranks, before = [], state.theta.clone()
    for step in range(1, 7):
        learner.step(made, state)
        weight = (state.theta - before)[:12].view(4, 3)
        ranks.append(int(torch.linalg.matrix_rank(weight, rtol=1e-8)))
        if step == 3:
            assert ranks == [1, 1, 1]
    assert ranks[3:] == [2, 2, 2]


@pytest.mark.parametrize("orthogonal", [False, True])
@pytest.mark.parametrize("tangents", [1, 3])
def test_forward_gradient(tangents, orthogonal):
    gradient = torch.linspace(1, 3, 5, dtype=torch.float64) * 2 * (START - FLOOR)
    V = draw_normal(twin(), tangents, START).T
    if orthogonal:
        expected = V @ torch.linalg.inv(V.T @ V) @ V.T @ gradient
    else:
        expected = sum((gradient @ v) * v for v in V.T) / tangents
    found = stepped("forward-gradient", tangents=tangents, orthogonal=orthogonal)
    assert found.allclose(START - RATE * expected, rtol=1e-9)


def test_forward_gradients_estimate_has_no_bias():
    """The mean of 300 is the gradient; with normalised tangents it would be D = 5 times too short."""
    learner = build("forward-gradient,lr=1")
    made, state = begin(learner, plane, START)
    total = torch.zeros_like(START)
    for _ in range(300):
        state.theta = START.clone()
        learner.step(made, state)
        total += START - state.theta
    assert (total / 300 - SLOPES).norm() < 0.4 * SLOPES.norm()


def test_one_sided_walls():
    losses = torch.tensor([1.0, math.inf, math.inf, 2.0, 0.5, 3.0, math.inf, math.inf], dtype=torch.float64)
    assert slopes_of(losses, 0.25, 5.0).tolist() == [1.0, 5.0, 0.0, -5.0]
