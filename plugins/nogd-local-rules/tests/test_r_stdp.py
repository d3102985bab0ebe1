"""R-STDP: its steps written out, spike by spike; what a reward does; and whom it refuses."""

from __future__ import annotations

import math

import pytest
import torch
from nogd_local_rules.r_stdp import RStdp
from nogd_local_rules.spiking import SpikingNetwork, charged, rate_coded_xor
from torch import Generator, nn

import nogd
from nogd.engine.state import from_bytes, to_bytes

FADE = math.exp(-1 / 20)


def trains(examples=3, steps=60, inputs=4, rate=0.3, seed=0):
    rng = Generator().manual_seed(seed)
    return (torch.rand(examples, steps, inputs, generator=rng) < rate).double()


def network(*sizes, seed=0):
    """With one inhibitory input alone, so that a few neurons fire often."""
    torch.manual_seed(seed)
    module = SpikingNetwork(*sizes).double()
    with torch.no_grad():
        module.layers[0].weight[:, 2:].abs_()
    return module


def begun(learner, module, spikes, targets, bounds=(-5.0, 5.0), **more):
    objective = nogd.objective(module, spikes, targets, bounds=bounds, **more)
    theta = objective.space.read(module).clone()
    return objective, learner.init(objective, theta, Generator().manual_seed(0))


def written_out(weights, spikes, worth, memory, gamma):
    """Florian's equations 2.7, 3.8 to 3.12 and 4.1, a synapse at a time, for a network of one hidden layer."""
    sizes = [len(weights[0][0]), len(weights[0]), len(weights[1])]
    weights = [[list(row) for row in layer] for layer in weights]
    signs = [[[-1 if w < 0 else 1 for w in row] for row in layer] for layer in weights]
    potential = [[0.0] * size for size in sizes[1:]]
    fired = [[0.0] * size for size in sizes[1:]]
    before = [[0.0] * size for size in sizes[:2]]  # P+, of who sends
    behind = [[0.0] * size for size in sizes[1:]]  # P-, of who receives
    eligible = [[[0.0] * sizes[k] for _ in range(sizes[k + 1])] for k in range(2)]
    for now in spikes:
        came = [list(now), fired[0]]
        reward = sum(w * s for w, s in zip(worth, fired[1], strict=True))
        for k in range(2):
            before[k] = [FADE * p + s for p, s in zip(before[k], came[k], strict=True)]
            behind[k] = [FADE * p - s for p, s in zip(behind[k], fired[k], strict=True)]
            for i in range(sizes[k + 1]):
                for j in range(sizes[k]):
                    met = fired[k][i] * before[k][j] + behind[k][i] * came[k][j]
                    kept = math.exp(-1 / memory) * eligible[k][i][j] + met / memory if memory else met
                    eligible[k][i][j] = kept
                    moved = weights[k][i][j] + gamma * reward * kept
                    low, high = (-5, 0) if signs[k][i][j] < 0 else (0, 5)
                    if reward:
                        weights[k][i][j] = min(max(moved, low), high)
        for k in range(2):
            sums = [sum(w * s for w, s in zip(row, came[k], strict=True)) for row in weights[k]]
            potential[k] = [math.exp(-1 / 20) * v + add for v, add in zip(potential[k], sums, strict=True)]
        fired = [[1.0 if v >= 16 else 0.0 for v in layer] for layer in potential]
        potential = [[0.0 if v >= 16 else v for v in layer] for layer in potential]
    return weights


@pytest.mark.parametrize("memory", [25.0, 0.0], ids=["MSTDPET", "MSTDP"])
def test_an_example_is_the_papers_equations_written_out(memory):
    spikes, targets = trains(1, 200), torch.tensor([[1.0, 0.0]]).double()
    module = network(4, 5, 2)
    before = [layer.weight.tolist() for layer in module.layers]
    objective, state = begun(RStdp(memory=memory, lr=0.4), module, spikes, targets)
    RStdp(memory=memory, lr=0.4).step(objective, state)
    found = [each.tolist() for each in objective.space.split(state.theta).values()]
    expected = written_out(before, spikes[0].tolist(), [1, -1], memory, 0.4)
    assert found[0] != before[0]
    for layer, other in zip(found, expected, strict=True):
        assert torch.tensor(layer).flatten().tolist() == pytest.approx(
            torch.tensor(other).flatten().tolist(), abs=1e-9
        )


def test_a_neuron_leaks_fires_at_the_threshold_and_starts_from_rest():
    potential, spikes = charged(torch.zeros(1, 1), torch.tensor([[8.0]]), torch.ones(1, 1))
    assert (float(potential), float(spikes)) == (8.0, 0.0)
    potential, spikes = charged(potential, torch.tensor([[9.0]]), torch.ones(1, 1))
    assert (float(potential), float(spikes)) == (0.0, 1.0)
    potential, _ = charged(torch.full((1, 1), 8.0), torch.zeros(1, 1), torch.ones(1, 1))
    assert float(potential) == pytest.approx(8 * FADE)


def test_outputs_are_rates_of_spikes_counted_by_hand():
    module = network(1, 1)
    with torch.no_grad():
        module.layers[0].weight.fill_(20.0)
    spikes = torch.zeros(1, 10, 1, dtype=torch.float64)
    spikes[0, [1, 4, 9]] = 1
    assert float(module(spikes)) == pytest.approx(3 / 10 / 0.2)


@pytest.mark.parametrize(("target", "sign"), [(1.0, 1), (0.0, -1)])
def test_rewarded_spikes_become_more_and_punished_ones_fewer(target, sign):
    spikes = trains(20, 100, 6)
    module = network(6, 8, 1)
    before = float(module(spikes).mean())
    targets = torch.full((20, 1), target, dtype=torch.float64)
    nogd.fit(module, spikes, targets, learner="r-stdp", bounds=(-5.0, 5.0), budget=3)
    assert sign * (float(module(spikes).mean()) - before) > 0.1


def test_without_a_spike_of_the_outputs_nothing_is_learnt():
    module = network(4, 5, 2)
    objective, state = begun(RStdp(), module, torch.zeros(2, 50, 4).double(), torch.ones(2, 2).double())
    before = state.theta.clone()
    RStdp().step(objective, state)
    assert torch.equal(state.theta, before)


def test_weights_keep_their_sign_and_the_box():
    module = network(6, 8, 1)
    spikes, targets = trains(10, 100, 6), torch.ones(10, 1).double()
    objective, state = begun(RStdp(lr=50.0), module, spikes, targets, bounds=(-2.0, 6.0))
    start = state.theta.clone()
    for _ in range(10):
        RStdp(lr=50.0).step(objective, state)
    excites = start > 0
    assert not torch.equal(state.theta, start)
    assert (state.theta[excites] >= 0).all()
    assert (state.theta[~excites] <= 0).all()
    assert -2 <= float(state.theta.min()) < float(state.theta.max()) <= 6


def test_classes_reward_the_neuron_of_the_class():
    spikes, labels = trains(6, 50), torch.arange(6) % 3
    one_hot = nn.functional.one_hot(labels, 3).double()
    ends = []
    for targets, loss in ((labels, "cross-entropy"), (one_hot, "mse")):
        objective, state = begun(RStdp(), network(4, 9, 3), spikes, targets, loss=loss)
        for _ in range(6):
            RStdp().step(objective, state)
        ends.append(state.theta)
    assert torch.equal(*ends)


def test_a_step_is_an_example_and_costs_three_passes_of_it():
    objective, state = begun(RStdp(), network(4, 5, 1), trains(4, 20), torch.ones(4, 1).double())
    for _ in range(4):
        RStdp().step(objective, state)
    assert objective.meter.forwards == pytest.approx(3)
    assert (state.iteration, objective.access) == (1, "closed-form")


def test_it_ends_within_the_budget_and_goes_on_from_a_saved_state():
    module, spikes, targets = network(4, 5, 1), trains(4, 40), torch.tensor([[1.0], [0.0]] * 2).double()
    run = nogd.fit(module, spikes, targets, learner="r-stdp", budget=7)
    assert 6 < run.meter.forwards <= 7
    objective, state = begun(RStdp(), network(4, 5, 1), spikes, targets)
    other, same = begun(RStdp(), network(4, 5, 1), spikes, targets)
    for k in range(6):
        RStdp().step(objective, state)
        RStdp().step(other, same)
        if k == 2:
            same = from_bytes(to_bytes(same))
    assert to_bytes(state) == to_bytes(same)


def test_whoever_has_no_spikes_is_refused_with_the_reason():
    with pytest.raises(nogd.UserError, match="it needs a SpikingNetwork of nogd-local-rules"):
        nogd.fit(nn.Linear(2, 1), torch.ones(4, 2), torch.ones(4, 1), learner="r-stdp", budget=10)
    with pytest.raises(nogd.UserError, match="r-stdp needs data, and a black box has none"):
        nogd.minimize(SpikingNetwork(2, 1), lambda _: 0.0, learner="r-stdp", budget=10)


def test_the_bits_of_xor_are_groups_that_spike_or_are_silent():
    spikes, targets = rate_coded_xor(50, steps=100, neurons=4)
    assert (spikes.shape, targets.shape) == ((200, 100, 8), (200, 1))
    rates = spikes.reshape(50, 4, 100, 8).mean((0, 2))
    assert rates[0].sum() == 0
    assert rates[1, [2, 3, 6, 7]].mean() == pytest.approx(0.04, abs=0.005)
    assert rates[1, [0, 1, 4, 5]].sum() == 0
    assert targets[:4].flatten().tolist() == [0, 1, 1, 0]


def test_other_learners_can_train_the_network_by_its_losses():
    spikes, targets = rate_coded_xor(2, steps=50, neurons=2)
    module = SpikingNetwork(4, 6, 1)
    run = nogd.fit(module, spikes, targets, learner="random-search", bounds=(-5.0, 5.0), budget=40)
    assert run.status == "budget"
    assert math.isfinite(run.loss)
