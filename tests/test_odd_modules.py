"""Modules that nobody thought of get their own answer or one clear sentence, never another network's loss."""

from __future__ import annotations

import copy
import math
import threading
import warnings
from collections.abc import Callable
from typing import Any

import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nogd
from nogd.errors import DataError, InvalidSetting, UserError

D = torch.float64


def stack(*parts: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 4), *(parts or [nn.Tanh()]), nn.Linear(4, 1)).double()


class Doubles(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class Doubled(nn.Parameter):
    """A parameter that takes part in a product twice."""

    @classmethod
    def __torch_function__(cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        with torch._C.DisableTorchFunctionSubclass():
            found = func(*args, **(kwargs or {}))
        return 2 * found if func is F.linear else found


class Noted(Tensor):
    """Inputs that take part in a product three times."""

    @classmethod
    def __torch_function__(cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = super().__torch_function__(func, kinds, args, kwargs or {})
        return 3 * found if func is F.linear else found


class Own(nn.Module):
    """Two layers and a forward `how(self, x)` of one's own."""

    def __init__(self, how: Callable[[Own, Tensor], Any]) -> None:
        super().__init__()
        self.first, self.drop, self.last, self.how = nn.Linear(3, 4), nn.Dropout(), nn.Linear(4, 1), how
        self.shift = nn.Parameter(torch.ones(4, dtype=torch.complex128), requires_grad=False)

    def forward(self, x: Tensor) -> Any:
        return self.how(self, x)


def own(how: Callable[[Own, Tensor], Any]) -> nn.Module:
    return Own(how).double()


def switches(module: Own, x: Tensor) -> Tensor:
    module.eval()
    outputs = module.last(module.drop(module.first(x)))
    module.train()
    return outputs


def keeps(module: Own, x: Tensor) -> Tensor:
    module.kept = torch.tanh(module.first(x))
    return module.last(module.kept)


def overwrites(module: Own, x: Tensor) -> Tensor:
    x.mul_(1.5)
    return module.last(module.first(x))


def doubled_parameter() -> nn.Module:
    module = stack()
    module[0].weight = Doubled(module[0].weight.data.clone())
    return module


def in_one_buffer() -> nn.Module:
    """Each parameter a part of one flat tensor, as some optimisers lay them out."""
    module, start = stack(), 0
    flat = torch.randn(21, dtype=D, generator=torch.Generator().manual_seed(0))
    for p in module.parameters():
        p.data = flat[start : start + p.numel()].view(p.shape)
        start += p.numel()
    return module


def columns_of_one() -> nn.Module:
    """Parameters that lie between each other."""
    module, both = stack(), torch.ones(4, 4, dtype=D)
    module[0].weight, module[0].bias = nn.Parameter(both[:, :3]), nn.Parameter(both[:, 3])
    return module


def transposed() -> nn.Module:
    module = stack()
    module[0].weight = nn.Parameter(torch.ones(3, 4, dtype=D).T)
    return module


def with_keywords() -> nn.Module:
    module = stack()
    module[2].register_forward_hook(lambda _, args, kwargs, outputs: 3 * outputs, with_kwargs=True)
    return module


def without_gradients(mode: Any) -> nn.Module:
    class Quiet(nn.Sequential):
        @mode()
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x)

    return Quiet(*stack())


class Scaled(nn.Module):
    """Two layers between parameters without any dimension."""

    def __init__(self) -> None:
        super().__init__()
        self.gain, self.first, self.last = nn.Parameter(torch.tensor(0.5)), nn.Linear(3, 4), nn.Linear(4, 1)
        self.shift = nn.Parameter(torch.tensor(1.5))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * self.last(torch.tanh(self.first(x) + self.shift))


def unused_scalar() -> nn.Module:
    module = stack()
    module.scale = nn.Parameter(torch.tensor(1.0, dtype=D))
    return module


def wide(rows: int) -> Tensor:
    return plain.data(rows, 3)[0]


ROWS = 9
ANSWERED: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "a Linear that doubles": (lambda: stack(Doubles(4, 4), nn.Tanh()), wide(ROWS)),
    "a parameter with __torch_function__": (doubled_parameter, wide(ROWS)),
    "inputs with __torch_function__": (stack, wide(ROWS).as_subclass(Noted)),
    "half precision": (lambda: stack().half(), wide(ROWS)),
    "bfloat16": (lambda: stack(nn.ReLU()).bfloat16(), wide(ROWS)),
    "no hidden unit": (lambda: plain.network(3, 0, 1), wide(ROWS)),
    "no input": (lambda: plain.network(0, 4, 1), torch.zeros(ROWS, 0, dtype=D)),
    "complex numbers inside": (
        lambda: own(lambda m, x: torch.fft.fft(m.first(x)).abs().sum(-1, keepdim=True)), wide(ROWS)),
    "a frozen complex parameter": (
        lambda: own(lambda m, x: m.last((m.first(x) * m.shift).abs().double())), wide(ROWS)),
    "switches to eval and back": (lambda: own(switches), wide(ROWS)),
    "keeps its activations": (lambda: own(keeps), wide(ROWS)),
    "writes into its inputs": (lambda: own(overwrites), wide(ROWS)),
    "asks for its parameters by name": (
        lambda: own(lambda m, x: F.linear(x, dict(m.named_parameters())["first.weight"]).sum(1, True)), wide(ROWS)),
    "a hook with keywords": (with_keywords, wide(ROWS)),
    "under no_grad": (lambda: without_gradients(torch.no_grad), wide(ROWS)),
    "under inference_mode": (lambda: without_gradients(torch.inference_mode), wide(ROWS)),
    "parameters in one buffer": (in_one_buffer, wide(ROWS)),
    "parameters between each other": (columns_of_one, wide(ROWS)),
    "a transposed parameter": (transposed, wide(ROWS)),
    "token numbers": (
        lambda: nn.Sequential(nn.Embedding(5, 4), nn.Flatten(), nn.Linear(8, 1)).double(),
        torch.arange(18).view(ROWS, 2) % 5),
    "a frozen parameter in a wrapper": (lambda: wrapped(False), wide(ROWS)),
    "scalar parameters": (lambda: Scaled().double(), wide(ROWS)),
    "a scalar parameter that is not used": (unused_scalar, wide(ROWS)),
    "one row": (stack, wide(1)),
    "transposed inputs": (stack, plain.data(3, ROWS)[0].T),
    "expanded inputs": (stack, wide(1).expand(ROWS, 3)),
    "inputs with requires_grad": (stack, wide(ROWS).requires_grad_()),
    "inputs that are bytes": (stack, torch.arange(3 * ROWS, dtype=torch.uint8).view(ROWS, 3)),
    "eval statistics that make no sense": (lambda: no_variance(math.nan), wide(ROWS)),
    "a negative variance": (lambda: no_variance(-1.0), wide(ROWS)),
    "data parallel": (lambda: nn.DataParallel(stack()).cpu(), wide(ROWS)),  # it goes to a GPU by itself
    "a graph module": (lambda: torch.fx.symbolic_trace(stack()), wide(ROWS)),
    "spectral norm": (lambda: nn.Sequential(
        nn.utils.parametrizations.spectral_norm(nn.Linear(3, 4)), nn.Linear(4, 1)).double().eval(), wide(ROWS)),
}  # fmt: skip


@pytest.mark.parametrize("engine", ["vmap", "loop"])
def test_scalar_parameters_need_no_other_way_of_scoring(engine):
    made = nogd.objective(Scaled().double(), *plain.data(ROWS, 3), engine=engine)
    made.losses(nogd.Population(plain.thetas(9, made.D)))  # without a word
    assert made.engine.startswith(engine)
    theta, directions = plain.thetas(1, made.D)[0], plain.thetas(3, made.D, seed=1)
    torch.testing.assert_close(made.directional(theta, directions)[1], directions @ made.gradient(theta)[1])


def no_variance(value: float) -> nn.Module:
    module = stack(nn.BatchNorm1d(4)).eval()
    module[1].running_var[0] = value
    return module


@pytest.mark.filterwarnings("ignore")  # what torch says of some of these modules, and nogd of the loop
@pytest.mark.parametrize("name", ANSWERED)
def test_the_answer_is_the_modules_own(name):
    make, x = ANSWERED[name]
    module = make()
    dtype = plain.searched(module)[0].dtype
    kept = x.detach().clone()
    y = plain.data(len(x), 1)[1]
    made = nogd.objective(module, x, y)
    candidates = plain.read(module) + 0.3 * plain.thetas(9, made.D).to(dtype)
    x = x.detach() if not x.is_floating_point() and x.dtype == torch.int64 else x.detach().to(dtype)

    def one_by_one(thetas: Tensor) -> Tensor:
        found = [plain.losses(module, theta[None], x.clone(), y.to(dtype), F.mse_loss) for theta in thetas]
        return torch.cat(found).as_subclass(Tensor).nan_to_num(math.inf, math.inf, math.inf)

    close = dict.fromkeys(("rtol", "atol"), 1e-9 if dtype == D else torch.finfo(dtype).eps ** 0.5)
    for _ in range(2):
        found = made.losses(nogd.Population(candidates))
        torch.testing.assert_close(found, one_by_one(candidates), **close)
    line = nogd.Line(candidates[0].clone(), 0, torch.linspace(-1, 1, 4, dtype=dtype))
    on_line = one_by_one(line.dense())
    torch.testing.assert_close(made.walk(line.theta).losses(0, line.values), on_line, **close)
    theta = candidates[0].clone()
    rng = torch.Generator().manual_seed(0)
    for described in (
        nogd.Perturbed(theta, (1, 2), 0.1, antithetic=True),
        nogd.LowRank.draw(made.space, theta, 3, 0.1, rng),
        nogd.Subspace(theta, candidates[:2], 0.1, seeds=(1,)),
    ):
        torch.testing.assert_close(made.losses(described), one_by_one(described.dense()), **close)
    made.gradient(theta)
    made.directional(theta, candidates[:2])
    assert torch.equal(ANSWERED[name][1].detach(), kept)


class Mixed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 1).double()

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x.float()).double())


def one_memory() -> nn.Module:
    module = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 1)).double()
    module[1].weight = nn.Parameter(module[0].weight.data)
    return module


def repeated() -> nn.Module:
    module = stack()
    module[0].bias = nn.Parameter(torch.zeros(1, dtype=D).expand(4))
    return module


class Wrapped(Tensor):
    """A tensor that is kept in another one, as those of quantisation and of distribution are."""

    @staticmethod
    def __new__(cls, inner: Tensor) -> Wrapped:
        made = Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype, device=inner.device)
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, kinds: Any, args: Any = (), kwargs: Any = None) -> Any:
        inner = [each.inner if isinstance(each, Wrapped) else each for each in args]
        found = func(*inner, **(kwargs or {}))
        return Wrapped(found) if func.overloadpacket in _KEEP_THE_TYPE else found


_KEEP_THE_TYPE = (torch.ops.aten.detach, torch.ops.aten.clone)


def wrapped(searched: bool) -> nn.Module:
    module = stack()
    weight = Wrapped(module[0].weight.detach())
    module[0].weight = nn.Parameter(weight, requires_grad=searched)
    return module


def complex_parameter() -> nn.Module:
    module = own(lambda m, x: m.last((m.first(x) * m.shift).abs().double()))
    module.shift.requires_grad_(True)
    return module


def with_a_lock() -> nn.Module:
    module = stack()
    module.lock = threading.Lock()
    return module


def made_in_inference_mode() -> nn.Module:
    with torch.inference_mode():
        return stack()


def replaces(module: Own, x: Tensor) -> Tensor:
    module.first.weight = nn.Parameter(module.first.weight.detach().clone())
    return module.last(module.first(x))


def fails(module: Own, x: Tensor) -> Tensor:
    raise KeyError("scale")


def data(**more: Any) -> dict[str, Any]:
    x, y = plain.data(ROWS, 3)
    return {"inputs": x, "targets": y} | more


REFUSED: dict[str, tuple[Callable[[], nn.Module], dict[str, Any], type[UserError], str]] = {
    "meta": (lambda: stack().to("meta"), data(), InvalidSetting, "on the device 'meta', where tensors have no values"),
    "lazy statistics": (
        lambda: nn.Sequential(nn.Linear(3, 4), nn.LazyBatchNorm1d(affine=False)), data(), InvalidSetting,
        "lazy parameters without a shape; call it once on a row of the inputs first, in eval mode"),
    "lazy": (lambda: nn.Sequential(nn.LazyLinear(4)), data(), InvalidSetting, "lazy parameters without a shape"),
    "no parameters": (nn.ReLU, data(), InvalidSetting, "no parameter with requires_grad=True"),
    "complex parameter": (complex_parameter, data(), InvalidSetting, r"parameter 'shift' is of torch.complex128"),
    "complex outputs": (
        lambda: own(lambda m, x: torch.fft.fft(m.first(x))), data(), DataError, "the module returns torch.complex128"),
    "two types": (Mixed, data(), InvalidSetting, "'first.weight' is of .*32 on cpu, but 'last.weight' of .*64"),
    "one memory": (one_memory, data(), InvalidSetting, "'0.weight' and '1.weight' share memory"),
    "repeated memory": (repeated, data(), InvalidSetting, "'0.bias' repeats the same memory"),
    "wrapped": (lambda: wrapped(True), data(), InvalidSetting, "'0.weight' is a Wrapped, whose values cannot be set"),
    "no copy": (with_a_lock, data(), InvalidSetting, "cannot be copied to work on .*lock"),
    "inference mode": (made_in_inference_mode, data(), InvalidSetting, "use torch.no_grad()"),
    "replaces a parameter": (lambda: own(replaces), data(), InvalidSetting, "in the place of 'first.weight'"),
    "fails": (lambda: own(fails), data(), DataError, "cannot process inputs of shape .* KeyError: 'scale'"),
    "no rows": (stack, data(inputs=torch.zeros(0, 3), targets=torch.zeros(0, 1)), DataError, "there is no row"),
    "one row to normalise by": (
        lambda: stack(nn.BatchNorm1d(4)), data(inputs=wide(1), targets=torch.zeros(1, 1)), DataError,
        "Expected more than 1 value per channel"),
    "complex inputs": (
        stack, data(inputs=torch.zeros(ROWS, 3, dtype=torch.complex64)), DataError, "must be real numbers"),
    "sparse inputs": (stack, data(inputs=wide(ROWS).to_sparse()), DataError, "in a dense tensor"),
    "unknown tokens": (
        lambda: nn.Sequential(nn.Embedding(5, 1), nn.Flatten(), nn.Linear(3, 1)).double(),
        data(inputs=torch.full((ROWS, 3), 7)), DataError, "index out of range"),
    "targets of another shape": (stack, data(targets=torch.zeros(ROWS, 2)), DataError, "make the shapes equal"),
    "two arguments": (
        lambda: nn.Bilinear(3, 3, 1).double(), data(), DataError, "missing 1 required positional argument"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:Lazy modules:UserWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_is_said_in_a_sentence(name):
    make, given, error, sentence = REFUSED[name]
    with pytest.raises(error, match=sentence) as caught:
        nogd.objective(make(), **given)
    assert "\n" not in str(caught.value)


def test_the_reason_of_a_module_that_writes_into_its_inputs_is_told():
    assert (
        "as the module writes into its inputs"
        in nogd.objective(own(overwrites).eval(), *plain.data(ROWS, 3)).engine
    )


def test_nothing_is_trained_under_inference_mode():
    with torch.inference_mode(), pytest.raises(InvalidSetting, match=r"use torch.no_grad\(\)"):
        nogd.fit(stack(), *plain.data(ROWS, 3), learner="grid-search")


def test_a_quantised_part_is_left_as_it_is():
    quantization = pytest.importorskip("torch.ao.quantization")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, of its own
        part = quantization.quantize_dynamic(nn.Sequential(nn.Linear(3, 4)), {nn.Linear}, torch.qint8)
        module = nn.Sequential(part, nn.ReLU(), nn.Linear(4, 1))
        x, y = plain.data(ROWS, 3, dtype=torch.float32)
        made = nogd.objective(module, x, y)
        assert made.D == 5
        candidates = plain.thetas(9, made.D, dtype=torch.float32)
        found = made.losses(nogd.Population(candidates))
    torch.testing.assert_close(found, plain.losses(module, candidates, x, y, F.mse_loss))


def test_what_is_done_to_the_module_later_does_not_reach_the_copy():
    module, (x, y) = stack(), plain.data(ROWS, 3)
    made = nogd.objective(module, x, y)
    candidates = plain.thetas(9, made.D)
    before = plain.losses(module, candidates, x, y, F.mse_loss)
    module[0].register_forward_hook(lambda _, inputs, outputs: 2 * outputs)
    module[1] = nn.Identity()
    torch.testing.assert_close(made.losses(nogd.Population(candidates)), before)


@pytest.mark.parametrize("engine", ["compiled", "stack", "chain", "vmap", "loop"])
@pytest.mark.parametrize("way", ["copy", "pickle"])
def test_a_copy_of_an_objective_scores_by_itself(engine, way):
    if engine == "compiled":
        pytest.importorskip("numba")
    cloudpickle = pytest.importorskip("cloudpickle")
    module, (x, y) = stack(), plain.data(ROWS, 3)
    made = nogd.objective(module, x, y, engine=engine)
    candidates = plain.thetas(9, made.D)
    theta, values = candidates[0].clone(), torch.linspace(-1, 1, 4, dtype=D)
    made.walk(theta).move(0, 0.5)
    other = copy.deepcopy(made) if way == "copy" else cloudpickle.loads(cloudpickle.dumps(made))
    expected = plain.losses(module, candidates, x, y, F.mse_loss)
    for each in (other, made):
        torch.testing.assert_close(each.losses(nogd.Population(candidates)), expected)
        torch.testing.assert_close(
            each.gradient(theta)[0], plain.losses(module, theta[None], x, y, F.mse_loss)[0]
        )
        paid = each.meter.evaluations
        own_theta = theta.clone()
        walk = each.walk(own_theta)  # where the walk stood, so that it is not paid again
        assert each.meter.evaluations == paid
        walk.move(3, 1.5)
        dense = nogd.Line(own_theta, 2, values).dense()
        torch.testing.assert_close(walk.losses(2, values), plain.losses(module, dense, x, y, F.mse_loss))
    assert other.meter.evaluations == made.meter.evaluations
