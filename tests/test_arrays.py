"""Whatever people hold data in arrives as the numbers that it is, or is refused with the culprit."""

from __future__ import annotations

import decimal
import fractions
import importlib.util
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import plain
import pytest
import scipy.sparse
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import nogd
from nogd.errors import DataError
from nogd.problem.task import Dataset as DataSet
from nogd.problem.task import SupervisedTask

ROWS = 12
VALUES = np.arange(3.0 * ROWS).reshape(ROWS, 3) - 10
TABLE = pd.DataFrame(VALUES, columns=list("abc"))
WHOLE = TABLE.astype("int64")
TARGETS = np.arange(float(ROWS))
MIXED = TABLE.assign(a=TABLE["a"] > 0, b=TABLE["b"].astype("Int64"))
FRUIT = pd.DataFrame({"fruit": ["fig", "date", "fig", "plum"] * 3, "weight": TARGETS})


def objects(value: object) -> np.ndarray[Any, Any]:
    """Numbers as objects, the one in row 2 and column 1 another."""
    array = VALUES.astype(object)
    array[2, 1] = value
    return array


def masked(values: np.ndarray[Any, Any] = VALUES) -> Any:
    """With -9999 masked in row 2 and column 1."""
    array = np.ma.masked_array(values.copy())
    array[2, 1] = -9999
    array[2, 1] = np.ma.masked
    return array


def missing(table: pd.DataFrame) -> pd.DataFrame:
    table = table.convert_dtypes()
    table.iloc[2, 1] = pd.NA
    return table


def read(data: Any) -> Tensor:
    width = np.shape(data)[1] if isinstance(data, np.ndarray | pd.DataFrame) and data.ndim > 1 else 3
    return nogd.objective(nn.Linear(width, 1).double(), data, TARGETS).inputs


DUMMIES = np.array([[k == 1, k in (0, 2), k == 3] for k in range(4)] * 3, dtype=float)
TAKEN: dict[str, tuple[Any, np.ndarray[Any, Any]]] = {
    "nothing masked": (np.ma.masked_array(VALUES), VALUES),
    "nullable floats": ((TABLE + 0.5).convert_dtypes(), VALUES + 0.5),
    "nullable whole numbers": (WHOLE.convert_dtypes(), VALUES),
    "nullable booleans": ((TABLE > 0).convert_dtypes(), VALUES > 0),
    "columns of several types": (MIXED, np.c_[VALUES[:, 0] > 0, VALUES[:, 1:]]),
    "booleans and whole numbers": (WHOLE.assign(a=WHOLE["a"] > 0), np.c_[VALUES[:, 0] > 0, VALUES[:, 1:]]),
    "dummies": (pd.get_dummies(FRUIT[["fruit"]]), DUMMIES),
    "dummies beside a number": (pd.get_dummies(FRUIT), np.c_[TARGETS, DUMMIES]),
    "dummies, nullable": (pd.get_dummies(FRUIT).convert_dtypes(), np.c_[TARGETS, DUMMIES]),
    "sparse dummies": (pd.get_dummies(FRUIT[["fruit"]], sparse=True), DUMMIES),
    "sparse columns": (pd.DataFrame.sparse.from_spmatrix(scipy.sparse.csr_matrix(VALUES)), VALUES),
    "long doubles": (VALUES.astype(np.longdouble), VALUES),
    "long doubles of the other end": (VALUES.astype(np.longdouble).astype(">f8"), VALUES),
    "objects": (VALUES.astype(object), VALUES),
    "a table of objects": (TABLE.astype(object), VALUES),
    "whole numbers as objects": (WHOLE.to_numpy().astype(object), VALUES),
    "large whole numbers": (objects(2**70), np.where(VALUES[2, 1] == VALUES, 2.0**70, VALUES)),
    "decimals": ([[decimal.Decimal("0.5")] * 3] * ROWS, np.full((ROWS, 3), 0.5)),
    "fractions": ([[fractions.Fraction(1, 4)] * 3] * ROWS, np.full((ROWS, 3), 0.25)),
    "short whole numbers": (VALUES.astype(np.int8), VALUES),
    "unsigned whole numbers": (np.abs(VALUES).astype(np.uint16), np.abs(VALUES)),
    "a matrix": (np.asmatrix(VALUES), VALUES),
    "tensors in a list": ([torch.tensor(row) for row in VALUES], VALUES),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("name", TAKEN)
def test_numbers_are_taken_as_they_are(name):
    data, expected = TAKEN[name]
    torch.testing.assert_close(read(data), torch.tensor(np.asarray(expected, dtype=float)), rtol=0, atol=0)


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="without pyarrow")
def test_tables_of_arrow_are_taken_and_their_gaps_are_refused():
    table = MIXED.convert_dtypes(dtype_backend="pyarrow")
    torch.testing.assert_close(read(table), torch.tensor(np.c_[VALUES[:, 0] > 0, VALUES[:, 1:]]))
    table.iloc[2, 1] = pd.NA
    with pytest.raises(DataError, match=r"the inputs hold <NA> at \[2, 1\] \(column 'b'\)"):
        read(table)


def structured() -> np.ndarray[Any, Any]:
    return TABLE.to_records(index=False)


MASKED = r"the inputs are masked at \[2, 1\], and masked values are not data; fill or drop them first"
REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "masked": (masked, MASKED),
    "masked whole numbers": (lambda: masked(VALUES.astype(int)), MASKED),
    "masked rows in a list": (lambda: list(masked()), MASKED),
    "a masked tensor": (lambda: torch.masked.masked_tensor(torch.tensor(VALUES), torch.tensor(VALUES > 0)),
                        "the inputs are a MaskedTensor, some of whose values do not count"),
    "a gap among nullable floats": (lambda: missing(TABLE + 0.5), r"hold <NA> at \[2, 1\] \(column 'b'\) \(1 values"),
    "a gap among nullable numbers": (lambda: missing(WHOLE), r"hold <NA> at \[2, 1\] \(column 'b'\)"),
    "a gap among booleans": (lambda: missing(TABLE > 0), r"hold <NA> at \[2, 1\] \(column 'b'\)"),
    "None": (lambda: objects(None), r"the inputs hold None at \[2, 1\] \(1 values are missing\); fill or drop"),
    "NaN among objects": (lambda: objects(float("nan")), r"the inputs hold nan at \[2, 1\]"),
    "a sparse matrix": (lambda: scipy.sparse.csr_matrix(VALUES), r"a csr_matrix, a sparse matrix; .* toarray\(\)"),
    "a sparse array": (lambda: scipy.sparse.coo_array(VALUES), r"a coo_array, a sparse matrix; .* toarray\(\)"),
    "a sparse tensor": (lambda: torch.tensor(VALUES).to_sparse(), r"not in torch.sparse_coo; call to_dense\(\)"),
    "a nested tensor": (lambda: torch.nested.nested_tensor([torch.ones(3)] * ROWS), "are a nested tensor"),
    "a quantised tensor": (lambda: torch.quantize_per_tensor(torch.ones(ROWS, 3), 0.1, 0, torch.quint8),
                           r"call dequantize\(\)"),
    "nowhere": (lambda: torch.ones(ROWS, 3, device="meta"), "on the device 'meta'"),
    "a structured array": (structured, "a structured array with fields 'a', 'b', 'c'; .*structured_to_unstructured"),
    "too long a double": (lambda: np.where(VALUES == 0, np.longdouble("1e4000"), VALUES), "hold inf at"),
    "text among objects": (lambda: objects("0.5"), r"at \[2, 1\] there is '0.5' of type str; encode it first"),
    "text in a column": (lambda: FRUIT, r"at \[0, 0\] \(column 'fruit'\) there is 'fig' of type str"),
    "categories": (lambda: FRUIT[["fruit"]].astype("category"), r"\(column 'fruit'\) there is 'fig' of type str"),
    "times": (lambda: pd.DataFrame({"t": pd.date_range("2000", periods=ROWS)}), "are of type datetime64"),
    "times beside numbers": (lambda: TABLE.assign(t=pd.date_range("2000", periods=ROWS)),
                             r"at \[0, 3\] \(column 't'\) there is Timestamp.*of type Timestamp"),
    "complex numbers as objects": (lambda: objects(1j), r"there is 1j of type complex"),
    "tensors with a history": (lambda: list(torch.ones(ROWS, 3, requires_grad=True)), "do not form an array"),
    "a dict": (lambda: {"ids": VALUES, "mask": VALUES}, "it is given a dict of ids, mask; give several inputs as a"),
    "two arrays": (lambda: (VALUES, VALUES), "it is given a tuple of 2; give several inputs as a tuple"),
    "two arrays of two widths": (lambda: [VALUES, TARGETS], "a list of arrays of 12 rows each, 2 in all"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")  # what torch and numpy say of some of these types
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_data_is_refused(name):
    make, sentence = REFUSED[name]
    with pytest.raises(DataError, match=sentence) as caught:
        read(make())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("make", [masked, lambda: objects(None), lambda: missing(TABLE)])
def test_targets_are_read_in_the_same_way(make):
    with pytest.raises(DataError, match=r"the targets (are masked|hold .*) at \[2, 1\]"):
        nogd.objective(nn.Linear(3, 3).double(), VALUES, make())
    taken = nogd.objective(nn.Linear(3, 3).double(), VALUES, MIXED)
    assert taken.targets[:, 0].tolist() == (VALUES[:, 0] > 0).tolist()


class ByNumber(Dataset):
    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, k: int) -> Any:
        return self.inputs[k], TARGETS[k : k + 1]


STREAMS = {
    "batches": lambda x: [(x[:5], TARGETS[:5]), (x[5:], TARGETS[5:])],
    "dataset": ByNumber,
    "loader": lambda x: DataLoader(ByNumber(x), batch_size=5),
}


@pytest.mark.parametrize("name", STREAMS)
def test_streams_are_read_in_the_same_way(name):
    stream = STREAMS[name]
    module = nn.Linear(3, 1).double()
    with pytest.raises(DataError, match=r"masked at \[(2, )?1\]"):
        nogd.objective(module, stream(masked()))
    thetas = plain.thetas(3, 4)
    for data in (VALUES.astype(np.longdouble), VALUES.astype(np.int8), np.ma.masked_array(VALUES)):
        made = nogd.objective(module, stream(data))
        own = plain.losses(module, thetas, torch.tensor(VALUES), torch.tensor(TARGETS)[:, None], F.mse_loss)
        torch.testing.assert_close(made.losses(nogd.Population(thetas)), own)


class Tokens(nn.Module):
    """Looks numbers up."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.last = nn.Embedding(5, 4), nn.Linear(8, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.table(x).flatten(1))


class Bits(nn.Module):
    """Takes booleans alone."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(~x, self.weight, 0.0).sum(1, keepdim=True)


class OneHot(nn.Module):
    """Takes whole numbers, without any embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(10, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.one_hot(x, 5).flatten(1).to(self.last.weight))


KEPT: dict[str, tuple[Callable[[], nn.Module], Any]] = {
    "tokens": (Tokens, np.arange(2 * ROWS).reshape(ROWS, 2) % 5),
    "tokens, nullable": (Tokens, pd.DataFrame(np.arange(2 * ROWS).reshape(ROWS, 2) % 5).convert_dtypes()),
    "short tokens": (Tokens, np.arange(2 * ROWS, dtype=np.int32).reshape(ROWS, 2) % 5),
    "one-hot": (OneHot, np.arange(2 * ROWS).reshape(ROWS, 2) % 5),
    "bits": (Bits, VALUES % 2 == 0),
    "bits, nullable": (Bits, (TABLE % 2 == 0).convert_dtypes()),
}


@pytest.mark.parametrize("name", KEPT)
def test_whole_numbers_and_booleans_stay_where_the_module_takes_them(name):
    make, data = KEPT[name]
    module = plain.drawn(make(), 1).double()
    x, y = torch.tensor(np.asarray(data).astype(int)), torch.tensor(TARGETS)[:, None]
    x = x.bool() if make is Bits else x
    own = plain.losses(module, thetas := plain.thetas(9, len(plain.read(module))), x, y, F.mse_loss)
    for given in ((data, y), ([(data[:5], y[:5]), (data[5:], y[5:])],)):
        made = nogd.objective(module, *given)
        torch.testing.assert_close(made.losses(nogd.Population(thetas)), own)
    run = nogd.fit(module, data, y, learner="random-search", budget=20)
    assert run.loss == pytest.approx(F.mse_loss(module(x), y).item())


def test_batches_of_another_type_than_the_first_are_refused():
    data = np.arange(2 * ROWS).reshape(ROWS, 2) % 5
    with pytest.raises(DataError, match=r"batch 1: the inputs are of torch.float64, but .* of torch.int64"):
        nogd.objective(Tokens().double(), [(data, TARGETS), (data.astype(float), TARGETS)])
    # To a network of numbers both are numbers.
    made = nogd.objective(nn.Linear(2, 1).double(), [(data, TARGETS), (data.astype(float), TARGETS)])
    assert made.N == 2 * ROWS


def test_what_is_taken_in_no_type_is_told_for_both():
    sentence = (
        r"inputs of shape \[12, 2\], neither as torch.uint8 \(.*Long.*\) nor as torch.float32 \(.*Float.*\)"
    )
    with pytest.raises(DataError, match=sentence):
        nogd.objective(Tokens(), np.zeros((ROWS, 2), dtype=np.uint8), TARGETS)


@pytest.mark.filterwarnings("ignore:the module draws random numbers in eval mode too")
def test_the_type_is_found_out_without_a_trace():
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last, self.drop = nn.Linear(3, 1), nn.Dropout(0.1)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            torch.rand(1)
            return self.last(x)  # fails with whole numbers

    given = nogd.objective(Counting().eval(), WHOLE, TARGETS)
    as_numbers = nogd.objective(Counting().eval(), TABLE, TARGETS)
    assert given.module.calls == as_numbers.module.calls


class Letters(DataSet):
    """Pairs of numbers from 0 to 4."""

    name = "letters"

    def load(self) -> Any:
        x = torch.arange(50).view(25, 2) % 5
        return x, x.sum(1, keepdim=True).float()


class Spelling(SupervisedTask):
    """A network that looks numbers up."""

    name = "spelling"
    dataset: ClassVar[Any] = Letters
    loss = "mse"
    metric = "r2"
    standardise = ()

    def network(self) -> nn.Module:
        return Tokens()


class Adding(Spelling):
    """A network of numbers."""

    name = "adding"

    def network(self) -> nn.Module:
        return nn.Linear(2, 1)


class Scaled(Adding):
    """The same, scaled."""

    standardise = ("inputs",)


@pytest.mark.parametrize(
    ("task", "kind"), [(Spelling, torch.int64), (Adding, torch.float32), (Scaled, torch.float32)]
)
def test_a_task_gives_its_network_what_that_takes(task, kind):
    problem = task().problem(1)
    for part in (problem.train, problem.validation, problem.test):
        assert part.inputs.dtype == kind
        assert problem.module(part.inputs).shape == part.targets.shape
    if task is Scaled:
        torch.testing.assert_close(problem.train.inputs.mean(0), torch.zeros(2), rtol=0, atol=1e-6)
    else:
        assert set(problem.train.inputs.flatten().tolist()) == set(range(5))


def test_the_network_of_such_a_task_is_made_as_before():
    task = Spelling()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(7)
        made = Tokens()
    assert torch.equal(plain.read(task.problem(7).module), plain.read(made))


@pytest.mark.parametrize(
    ("held", "sentence"),
    [
        (masked(), r"the inputs of the data set 'held' are masked at \[2, 1\]"),
        (missing(TABLE), r"the inputs of the data set 'held' hold <NA> at \[2, 1\] \(column 'b'\)"),
        (objects("x"), r"the inputs of the data set 'held' must be numbers, but at \[2, 1\] there is 'x'"),
        (scipy.sparse.csr_array(VALUES), "the inputs of the data set 'held' are a csr_array"),
    ],
)
def test_a_data_set_is_read_in_the_same_way(held, sentence):
    def data_set(inputs: Any) -> type[DataSet]:
        return type("Held", (DataSet,), {"name": "held", "load": lambda self: (inputs, TARGETS[:, None])})

    def task(inputs: Any) -> SupervisedTask:
        network = {"network": lambda self: nn.Linear(3, 1), "dataset": data_set(inputs), "split": None}
        return type("Held", (Spelling,), {"__module__": __name__, **network})()

    with pytest.raises(DataError, match=sentence):
        task(held).problem(1)
    found = task(MIXED).problem(1).train.inputs
    assert torch.equal(found[:, 0], torch.tensor(VALUES[:, 0] > 0, dtype=torch.float32))
