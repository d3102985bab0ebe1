"""Modules of several inputs: a tuple by place, a dict by name, whole numbers and booleans among them, everywhere."""

from __future__ import annotations

from typing import Any, ClassVar

import plain
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import nogd
from nogd.engine.several import Several
from nogd.errors import DataError, InvalidSetting
from nogd.problem.splits import Split
from nogd.testing import parametrize_with_checks

pytestmark = pytest.mark.torch_alone

ROWS = 12
RNG = torch.Generator().manual_seed(5)
A, Y = plain.data(ROWS, 3)
B, _ = plain.data(ROWS, 2, seed=1)
TOKENS = torch.randint(6, (ROWS, 4), generator=RNG)
MASK = torch.rand(ROWS, 4, generator=RNG) > 0.4
COUNTS = torch.randint(9, (ROWS, 2), generator=RNG)


class Pair(nn.Module):
    """Two inputs by place."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(3, 4), nn.Linear(2, 4), nn.Linear(4, 1)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.last(torch.tanh(self.first(a) + self.second(b)))


class Words(nn.Module):
    """Token ids beside a mask, and counts, which a linear layer takes as numbers; by name."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.more, self.last = nn.Embedding(6, 3), nn.Linear(2, 3), nn.Linear(3, 1)

    def forward(self, *, tokens: Tensor, mask: Tensor, counts: Tensor) -> Tensor:
        if mask.dtype != torch.bool:
            raise TypeError("a mask is of booleans")
        words = (self.table(tokens) * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
        return self.last(torch.tanh(words + self.more(counts)))


def pair() -> Pair:
    return plain.drawn(Pair().double(), 1)


def words() -> Words:
    return plain.drawn(Words().double(), 2)


def call(module: nn.Module, inputs: Any) -> Tensor:
    if isinstance(inputs, dict):
        return module(**inputs | {"counts": inputs["counts"].double()})
    return module(*inputs)


def of(inputs: Any, rows: Any) -> Any:
    if isinstance(inputs, dict):
        return {name: part[rows] for name, part in inputs.items()}
    return tuple(part[rows] for part in inputs)


class Examples(Dataset):
    """One by one, as torch's own data sets are."""

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, k: int) -> Any:
        return of(self.inputs, k), Y[k]


CASES = {
    "by place": (pair, (A, B)),
    "by name": (words, {"tokens": TOKENS, "mask": MASK, "counts": COUNTS}),
}
CASE = pytest.mark.parametrize("case", CASES)


def slow_losses(make: Any, thetas: Tensor, inputs: Any, targets: Tensor) -> Tensor:
    module, found = make(), []
    for theta in thetas:
        plain.write(theta, module)
        with torch.no_grad():
            found.append(F.mse_loss(call(module, inputs), targets))
    return torch.stack(found)


@CASE
@pytest.mark.parametrize("engine", [None, "vmap", "loop"])
@pytest.mark.parametrize("rows", [None, torch.tensor([3, 0, 7])])
@pytest.mark.parametrize("count", [1, 40])
def test_losses_are_those_of_the_module(case, engine, rows, count):
    make, inputs = CASES[case]
    made = nogd.objective(make(), inputs, Y, engine=engine)
    thetas = plain.thetas(count, made.D)
    chosen = slice(None) if rows is None else rows
    expected = slow_losses(make, thetas, of(inputs, chosen), Y[chosen])
    torch.testing.assert_close(made.losses(nogd.Population(thetas), rows), expected)


@CASE
def test_all_candidates_and_walks_agree_with_the_plain_way(case):
    make, inputs = CASES[case]
    made = nogd.objective(make(), inputs, Y)
    theta = plain.thetas(1, made.D)[0]
    rng = torch.Generator().manual_seed(3)
    for candidates in (
        nogd.Line(theta, 2, torch.linspace(-1, 1, 5, dtype=torch.float64)),
        nogd.Perturbed(theta, torch.arange(4), 0.1),
        nogd.LowRank.draw(made.space, theta, 6, 0.1, rng),
        nogd.Subspace(theta, plain.thetas(2, made.D), 0.1, seeds=(3, 4)),
    ):
        expected = slow_losses(make, candidates.dense(), inputs, Y)
        torch.testing.assert_close(made.losses(candidates), expected)
    walk = made.walk(theta)
    values = torch.linspace(-1, 1, 3, dtype=torch.float64)
    thetas = theta.repeat(3, 1)
    thetas[:, 4] = values
    torch.testing.assert_close(walk.losses(4, values), slow_losses(make, thetas, inputs, Y))


@CASE
@pytest.mark.parametrize("rows", [None, torch.tensor([3, 0, 7])])
def test_gradients_and_directional_derivatives(case, rows):
    make, inputs = CASES[case]
    made = nogd.objective(make(), inputs, Y)
    theta = plain.thetas(1, made.D)[0]
    module, chosen = make(), slice(None) if rows is None else rows
    plain.write(theta, module)
    loss = F.mse_loss(call(module, of(inputs, chosen)), Y[chosen])
    gradient = torch.cat([g.reshape(-1) for g in torch.autograd.grad(loss, list(module.parameters()))])
    found = made.gradient(theta, rows)
    torch.testing.assert_close(found, (loss.detach(), gradient))
    directions = plain.thetas(3, made.D, seed=1)
    torch.testing.assert_close(made.directional(theta, directions, rows)[1], directions @ gradient)


SOURCES = {
    "batches": lambda inputs: [(of(inputs, slice(k, k + 5)), Y[k : k + 5]) for k in (0, 5, 10)],
    "a Dataset": Examples,
    "a DataLoader": lambda inputs: DataLoader(Examples(inputs), batch_size=5),
}


@CASE
@pytest.mark.parametrize("source", SOURCES)
def test_streams_give_what_data_in_memory_give(case, source):
    make, inputs = CASES[case]
    whole = nogd.objective(make(), inputs, Y)
    made = nogd.objective(make(), SOURCES[source](inputs))
    assert made.N == ROWS
    thetas = plain.thetas(9, made.D)
    torch.testing.assert_close(made.losses(nogd.Population(thetas)), whole.losses(nogd.Population(thetas)))
    torch.testing.assert_close(made.gradient(thetas[0]), whole.gradient(thetas[0]))
    if source != "batches":
        rows = torch.tensor([7, 2])
        torch.testing.assert_close(
            made.losses(nogd.Population(thetas), rows), whole.losses(nogd.Population(thetas), rows)
        )
        torch.testing.assert_close(made.batch(rows), whole.batch(rows))


@CASE
@pytest.mark.parametrize("learner", ["adam,rows=5", "grid-search,points=3", "random-search", "exact-line"])
def test_learners_train_it_and_validation_is_measured(case, learner, tmp_path):
    make, inputs = CASES[case]
    module = make()
    run = nogd.fit(
        module, inputs, Y, learner=learner, budget=120, validation=(of(inputs, slice(4)), Y[:4]),
        checkpoint=tmp_path / "c",
    )  # fmt: skip
    assert run.loss <= run.points[0]["loss"]
    with torch.no_grad():
        assert run.loss == pytest.approx(F.mse_loss(call(module, inputs), Y).item())
        held = F.mse_loss(call(module, of(inputs, slice(4))), Y[:4]).item()
    assert run.validation_loss == pytest.approx(held)


def test_a_checkpoint_knows_each_part_of_the_data(tmp_path):
    nogd.fit(pair(), (A, B), Y, learner="adam", budget=9, checkpoint=tmp_path / "c")
    with pytest.raises(InvalidSetting, match="another call: the data are others; give"):
        nogd.fit(pair(), (A, B + 1), Y, learner="adam", budget=9, checkpoint=tmp_path / "c")


@CASE
def test_a_learner_gets_copies_of_the_rows_in_the_form_that_was_given(case):
    make, inputs = CASES[case]
    made = nogd.objective(make(), inputs, Y)
    rows = torch.tensor([3, 0, 7])
    for chosen, asked in ((slice(None), None), (rows, rows)):
        found, targets = made.batch(asked)
        expected = of(inputs, chosen)
        assert type(found) is type(inputs)
        if isinstance(inputs, dict):
            expected["counts"] = expected["counts"].double()
        torch.testing.assert_close(found, expected)
        assert torch.equal(targets, Y[chosen])
        (found[0] if isinstance(found, tuple) else found["tokens"]).zero_()
        targets.zero_()
    before = made.losses(nogd.Population(plain.thetas(1, made.D)))
    torch.testing.assert_close(before, slow_losses(make, plain.thetas(1, made.D), inputs, Y))
    assert type(made.inputs) is type(inputs)


def test_a_single_tensor_stays_one():
    made = nogd.objective(plain.network(3, 1), A, Y)
    inputs, targets = made.batch(torch.tensor([1, 2]))
    assert torch.equal(inputs, A[1:3])
    assert torch.equal(targets, Y[1:3])
    with pytest.raises(InvalidSetting, match="a learner cannot have all of them; give rows"):
        nogd.objective(plain.network(3, 1), [(A, Y)]).batch()


def test_whole_numbers_keep_their_type_where_the_module_takes_them_and_only_there():
    made = nogd.objective(words(), {"tokens": TOKENS, "mask": MASK, "counts": COUNTS}, Y)
    types = {name: part.dtype for name, part in made.inputs.items()}
    assert types == {"tokens": torch.int64, "mask": torch.bool, "counts": torch.float64}


def test_arrays_and_frames_become_tensors():
    made = nogd.objective(pair(), (A.numpy(), B.float().numpy()), Y.numpy())
    assert [part.dtype for part in made.inputs] == [torch.float64, torch.float64]


class Writes(Pair):
    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return super().forward(a.mul_(2), b.sub_(1))


@pytest.mark.parametrize(
    "inputs", [(A, B), {"a": A, "b": B}, {"b": B, "a": A}], ids=["tuple", "dict", "other order"]
)
def test_a_module_that_writes_into_its_inputs_gets_them_anew(inputs):
    before = A.clone(), B.clone()
    made = nogd.objective(plain.drawn(Writes().double(), 1), inputs, Y)
    thetas = plain.thetas(9, made.D)
    expected = slow_losses(pair, thetas, (2 * A, B - 1), Y)
    for _ in range(2):
        torch.testing.assert_close(made.losses(nogd.Population(thetas)), expected)
    assert torch.equal(A, before[0])
    assert torch.equal(B, before[1])


class Normed(Pair):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.drop = nn.BatchNorm1d(4), nn.Dropout(0.3)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.last(self.drop(self.norm(self.first(a) + self.second(b))))


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.filterwarnings("ignore:the module holds")
def test_statistics_and_masks(mode, streamed):
    module = plain.drawn(Normed().double(), 3)
    args = (SOURCES["batches"]((A, B)),) if streamed else ((A, B), Y)
    run = nogd.fit(module, *args, learner="adam", budget=60, mode=mode)
    module.eval()
    with torch.no_grad():
        assert run.loss == pytest.approx(F.mse_loss(module(A, B), Y).item())
    assert run.loss < run.points[0]["loss"]


MISTAKES = {
    "there are 5 rows of inputs[1] but 12 targets": lambda: nogd.objective(pair(), (A, B[:5]), Y),
    "the inputs['b'] hold nan at [0, 0]": lambda: nogd.objective(pair(), {"a": A, "b": B * torch.nan}, Y),
    "the inputs are an empty dict": lambda: nogd.objective(pair(), {}, Y),
    "not all its keys are names": lambda: nogd.objective(pair(), {0: A, 1: B}, Y),
    "the module's forward takes a, b, but it is given one tensor; give several inputs as a tuple": lambda: (
        nogd.objective(pair(), A, Y)
    ),
    "the module's forward takes a, b, but it is given a tuple of 3": lambda: nogd.objective(
        pair(), (A, B, B), Y
    ),
    "the module's forward takes a, b, but it is given a dict of a, c": lambda: nogd.objective(
        pair(), {"a": A, "c": B}, Y
    ),
    "the module cannot process inputs of shape [12, 3] and [12, 1] and type": lambda: nogd.objective(
        pair(), (A, B[:, :1]), Y
    ),
    "give a tuple of them to a module whose forward takes several": lambda: nogd.objective(pair(), [A, B], Y),
    "batch 1: it has other inputs than the first batch": lambda: nogd.objective(
        pair(), [({"a": A, "b": B}, Y), ({"a": A}, Y)]
    ),
    "batch 1 has inputs of shape [12, 3] and [12, 1], but the first one [12, 3] and [12, 2]": lambda: (
        nogd.objective(pair(), [((A, B), Y), ((A, B[:, :1]), Y)])
    ),
    "several inputs are a tuple or a dict of their own: ((a, b), targets)": lambda: nogd.objective(
        pair(), [(A, B, Y)]
    ),
    "the inputs['tokens'] are of torch.bool, but those of the first batch of torch.int64": lambda: (
        nogd.objective(
            words(),
            [
                ({"tokens": TOKENS, "mask": MASK, "counts": COUNTS}, Y),
                ({"tokens": MASK, "mask": MASK, "counts": COUNTS}, Y),
            ],
        )
    ),
}


@pytest.mark.parametrize("said", MISTAKES)
def test_what_does_not_fit_is_one_clear_sentence(said):
    with pytest.raises(DataError) as refused:
        MISTAKES[said]()
    assert said in str(refused.value)


def test_a_tuple_of_rows_is_one_tensor_as_before():
    made = nogd.objective(plain.network(2, 1), ((1.0, 2.0), (3.0, 4.0), (5.0, 6.0)), (1.0, 2.0, 3.0))
    assert made.inputs.shape == (3, 2)
    rows = tuple(torch.ones(2, dtype=torch.float64) for _ in range(3))
    assert nogd.objective(plain.network(2, 1), rows, (1.0, 2.0, 3.0)).inputs.shape == (3, 2)


# -- tasks


class Sentences(nogd.Dataset):
    """Made-up token ids with a mask and two lengths."""

    name = "test-sentences"

    def load(self) -> Any:
        rng = torch.Generator().manual_seed(1)
        tokens = torch.randint(6, (90, 4), generator=rng)
        mask = torch.rand(90, 4, generator=rng) > 0.3
        counts = torch.randn(90, 2, generator=rng) + 3
        targets = (tokens.float().mean(1, keepdim=True) + counts[:, :1]) / 3
        return {"tokens": tokens, "mask": mask, "counts": counts}, targets


class SentenceTask(nogd.SupervisedTask):
    """Guess a number from words."""

    name: ClassVar[str] = "test-sentence-task"
    why: ClassVar[str] = "It takes several inputs."
    dataset = Sentences
    loss = "mse"
    metric = "r2"
    budget: ClassVar[float] = 60

    def network(self) -> nn.Module:
        return Words()


def test_a_task_splits_all_inputs_alike_and_scales_those_that_are_numbers():
    problem = SentenceTask().problem(0)
    data = Sentences().load()[0]
    rows = {tuple(row) for row in torch.cat([data["tokens"], data["mask"]], 1).tolist()}
    counts = 0
    for part in (problem.train, problem.validation, problem.test):
        assert isinstance(part.inputs, Several)
        parts = part.inputs.parts
        assert {name: each.dtype for name, each in parts.items()} == {
            "tokens": torch.int64, "mask": torch.bool, "counts": torch.float32,
        }  # fmt: skip
        assert {tuple(row) for row in torch.cat([parts["tokens"], parts["mask"]], 1).tolist()} <= rows
        counts += len(part)
    assert counts == 90
    torch.testing.assert_close(
        problem.train.inputs.parts["counts"].mean(0), torch.zeros(2), atol=1e-5, rtol=0
    )
    assert SentenceTask().describe()["inputs"] == 10


def test_a_split_takes_the_forms_that_people_have():
    split = Split((A, B), Y)
    assert (split.inputs.tree[0] is A, len(split)) == (True, ROWS)
    assert Split({"a": A}, Y).inputs.tree == {"a": A}


def test_the_bench_runs_such_a_task(tmp_path):
    results = nogd.run(
        learners=["adam", "random-search"], tasks=[SentenceTask], repetitions=1, budget=60, jobs=0,
        out=tmp_path, progress=False,
    )  # fmt: skip
    assert set(results.runs["status"]) == {"budget"}
    assert results.runs["test_loss"].notna().all()


@parametrize_with_checks([SentenceTask])
def test_a_task_of_several_inputs_keeps_nogds_rules(task, check):
    check(task)
