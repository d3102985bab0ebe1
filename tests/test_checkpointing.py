"""Adam with activation checkpointing: the same losses, fewer activations kept, one forward more."""

from __future__ import annotations

import plain
import pytest
import torch
from torch import Generator, Tensor, nn

import nogd
from nogd.engine.modules.checkpointing import can_be_checkpointed, checkpointed
from nogd.training.names import build

pytestmark = pytest.mark.torch_alone

DEPTH, WIDTH, ROWS = 100, 6, 50


def deep(width: int = WIDTH) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = [layer for _ in range(DEPTH // 2) for layer in (nn.Linear(width, width), nn.Tanh())]
        return nn.Sequential(*parts).double()


class Blocks(nn.Module):
    """Blocks in a list, each with a residual: what a transformer is to checkpointing."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.Tanh(), nn.Linear(4 * WIDTH, WIDTH))
            for _ in range(12)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + block(x)
        return x


def blocks() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Blocks().double()


def objective(module: nn.Module) -> nogd.Objective:
    inputs, _ = plain.data(ROWS, WIDTH)
    return nogd.objective(module, inputs, inputs.flip(1))


def losses(learner: str, module: nn.Module, steps: int = 20) -> list[float]:
    made, adam = objective(module), build(learner)
    state = adam.init(made, plain.read(module), Generator().manual_seed(0))
    found = []
    for _ in range(steps):
        adam.step(made, state)
        found.append(made.measure(state.theta)["loss"])
    return found


def kept(module: nn.Module, checkpointing: bool) -> int:
    """Numbers in the activations that are kept from the forward pass to the backward pass."""
    made = objective(module)
    theta = plain.read(module)
    parameters = {p.untyped_storage().data_ptr() for p in made.module.parameters()}
    sizes: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        place = tensor.untyped_storage().data_ptr()
        if place not in parameters:
            sizes[place] = tensor.untyped_storage().nbytes() // tensor.element_size()
        held.append(tensor)  # so that no place is used again
        return tensor

    held: list[Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        made.gradient(theta, checkpointing=checkpointing)
    return sum(sizes.values())


@pytest.mark.parametrize("make", [deep, blocks])
def test_losses_are_the_same(make):
    assert losses("adam,checkpointing=true", make()) == pytest.approx(losses("adam", make()), rel=1e-10)


@pytest.mark.parametrize(("make", "share"), [(deep, 0.3), (blocks, 0.35)])
def test_few_activations_are_kept(make, share):
    """100 parts, 51 activations, keep what goes into 10 segments; 12 blocks what goes into each."""
    assert kept(make(), checkpointing=True) < share * kept(make(), checkpointing=False)


def test_it_costs_one_forward_more():
    module = deep()
    made, theta = objective(module), plain.read(module)
    made.gradient(theta)
    plainly = made.meter.forwards
    made.gradient(theta, checkpointing=True)
    assert made.meter.forwards - plainly == pytest.approx(plainly + 1)
    assert plainly == pytest.approx(made.gradient_cost)


def fail_within(module: nn.Module) -> None:
    with checkpointed(module):
        assert "forward" in vars(module)
        raise ZeroDivisionError


def test_the_module_is_as_it_was_afterwards_even_where_something_fails():
    module, made = deep(), blocks()
    with pytest.raises(ZeroDivisionError):
        fail_within(module)
    assert "forward" not in vars(module)
    with checkpointed(made):
        assert ["forward" in vars(part) for part in made.blocks] == [True] * 12
    assert ["forward" in vars(part) for part in made.blocks] == [False] * 12


def test_masks_are_the_same_when_a_segment_is_computed_again():
    """In train mode: recomputed with other masks the gradient would be that of no loss."""
    inputs, _ = plain.data(ROWS, WIDTH)
    gradients = []
    for checkpointing in (False, True):
        module = nn.Sequential(
            nn.Linear(WIDTH, 40), nn.Dropout(0.5), nn.Tanh(), nn.Linear(40, WIDTH), nn.Dropout(0.2)
        ).double()
        with torch.no_grad():
            for parameter in module.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view(parameter.shape))
        made = nogd.objective(module, inputs, inputs, mode="train")
        made._till.mask(7, 3.0)
        gradients.append(made.gradient(plain.read(module), checkpointing=checkpointing))
    assert gradients[0][0].allclose(gradients[1][0], rtol=1e-12)
    assert gradients[0][1].allclose(gradients[1][1], rtol=1e-10)


def test_a_module_without_parts_in_a_row_is_refused_with_the_reason():
    made = nogd.objective(nn.Linear(3, 1), *plain.data(5, 3))
    assert not can_be_checkpointed(made.module)
    assert "nn.Sequential" in build("adam,checkpointing=true").supports(made)
    assert build("adam").supports(made) is None


def test_data_in_batches():
    module = deep()
    inputs, _ = plain.data(ROWS, WIDTH)
    batches = [(inputs[k : k + 20], inputs[k : k + 20].flip(1)) for k in range(0, ROWS, 20)]
    whole, streamed = objective(module), nogd.objective(module, batches)
    theta = plain.read(module)
    expected = whole.gradient(theta)[1]
    assert streamed.gradient(theta, checkpointing=True)[1].allclose(expected, rtol=1e-9)
