"""Any callable of a vector and inputs is trained: what is called, what it gets, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import plain
import pytest
import torch
from torch import Tensor

import nogd
from nogd.errors import InvalidSetting, NogdWarning, UserError

X, Y = plain.data(30, 3)


def linear(theta: Tensor, inputs: Tensor) -> Tensor:
    return inputs @ theta[:3, None] + theta[3]


def start() -> Tensor:
    return torch.zeros(4, dtype=torch.float64)


class Device:
    """Counts its calls, and works in numpy."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def __call__(self, theta: Any, inputs: Any) -> Any:
        self.calls.append(theta)
        return np.tanh(inputs @ theta[:3, None] + theta[3])


@pytest.mark.parametrize("learner", ["gauss-newton", "random-search", "grid-search", "exact-line"])
def test_it_is_trained_and_called_as_often_as_is_paid(learner):
    device = Device()
    given = np.full(4, 3.0)
    first = float((torch.as_tensor(device(given, X.numpy())) - Y).square().mean())
    device.calls.clear()
    run = nogd.fit(device, X.numpy(), Y, theta=given, learner=learner, budget=150)
    assert len(device.calls) == run.meter.forwards == run.meter.evaluations <= 150
    assert all(isinstance(each, np.ndarray) and each.dtype == np.float64 for each in device.calls)
    assert run.loss < 0.9 * first
    assert run.theta.shape == (4,)
    assert (given == 3).all()


def test_gauss_newton_solves_least_squares_in_a_few_calls():
    run = nogd.fit(linear, X, Y, theta=start(), learner="gauss-newton,radius=1e-4", budget=60)
    design = torch.cat([X, torch.ones(30, 1, dtype=X.dtype)], 1)
    torch.testing.assert_close(run.theta, torch.linalg.lstsq(design, Y).solution[:, 0], rtol=1e-4, atol=1e-5)


def test_a_loss_of_classes_and_bounds():
    classes = (X[:, 0] > 0).long()

    def two(theta: Tensor, inputs: Tensor) -> Tensor:
        return inputs @ theta.view(3, 2)

    theta = torch.zeros(6, dtype=torch.float64)
    run = nogd.fit(
        two,
        X,
        classes,
        theta=theta,
        loss="cross-entropy",
        bounds=(-2, 2),
        learner="random-search",
        budget=200,
    )
    assert run.loss < 0.5
    assert run.theta.abs().max() <= 2


def test_inputs_may_be_anything():
    def dictionary(theta: Tensor, inputs: dict[str, Tensor]) -> list[list[float]]:
        found: list[list[float]] = (inputs["x"] * theta[0]).tolist()
        return found

    run = nogd.fit(dictionary, {"x": X[:, :1]}, X[:, :1] * 3, theta=[1], learner="random-search", budget=100)
    assert abs(float(run.theta[0]) - 3) < 1


@pytest.mark.parametrize(
    "kind", ["reversed", "big-endian", "read-only", "float32", "whole", "its own buffer"]
)
def test_any_array_of_outputs_will_do(kind, recwarn):
    buffer = np.zeros((30, 1))

    def answer(theta: Any, inputs: Any) -> Any:
        np.copyto(buffer, np.round(inputs @ theta[:3, None] + theta[3]))
        if kind == "read-only":
            found = buffer.copy()
            found.setflags(write=False)
            return found
        changed = {
            "reversed": lambda: buffer[::-1].copy()[::-1],
            "big-endian": lambda: buffer.astype(">f8"),
            "float32": lambda: buffer.astype(np.float32),
            "whole": lambda: buffer.astype(np.int16),
        }
        return changed.get(kind, lambda: buffer)()

    def plainly(theta: Tensor, inputs: Tensor) -> Tensor:
        return (inputs @ theta[:3, None] + theta[3]).round()

    asked: dict[str, Any] = {"learner": "random-search", "budget": 40}
    found = nogd.fit(answer, X.numpy(), Y, theta=np.zeros(4), **asked)
    torch.testing.assert_close(found.theta, nogd.fit(plainly, X, Y, theta=start(), **asked).theta)
    assert not recwarn.list


def test_a_killed_run_goes_on_and_other_inputs_are_another_call(tmp_path):
    def fitted(inputs: Tensor, **more: Any) -> nogd.Run:
        return nogd.fit(
            linear,
            inputs,
            Y,
            theta=start(),
            learner="random-search",
            budget=90,
            checkpoint=tmp_path / "c",
            **more,
        )

    whole = nogd.fit(linear, X, Y, theta=start(), learner="random-search", budget=90)

    def interrupt(point: Any) -> None:
        if point["forwards"] > 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(X, callback=interrupt)
    assert torch.equal(fitted(X).theta, whole.theta)
    with pytest.raises(UserError, match="other"):
        fitted(X + 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"theta": None}, "theta must be a vector"),
        ({"theta": np.zeros((2, 2))}, "theta must be a vector"),
        ({"theta": [float("nan")]}, "finite numbers"),
        ({"theta": ["a", "b"]}, "theta must be a vector"),
        ({"theta": np.zeros(4) + 1j}, "theta must be a vector"),
        ({"targets": None}, "needs targets"),
        ({"validation": (X, Y)}, "validation is for a module"),
        ({"dtype": torch.float32}, "dtype is for a module"),
        ({"mode": "train"}, "mode is for a module"),
        ({"module": lambda theta, inputs: "no"}, "must return outputs .* returned a str"),
        ({"module": lambda theta, inputs: None}, "returned a NoneType"),
        ({"module": lambda theta, inputs: [[1.0], [1.0, 2.0]]}, "returned a list: .* do not form an array"),
        (
            {"module": lambda theta, inputs: np.zeros((30, 1)) + 1j},
            "must be numbers, but they are of type complex128",
        ),
        ({"module": lambda theta, inputs: torch.zeros(30, 1) + 1j}, "must be real numbers"),
        ({"module": lambda theta, inputs: np.ma.masked_less(np.zeros((30, 1)), 1)}, "are masked"),
        ({"module": lambda theta, inputs: torch.zeros(7, 1)}, "outputs of all 30 examples"),
        ({"module": np.zeros(3)}, "must be a torch.nn.Module, not a ndarray"),
        ({"learner": "adam"}, "adam needs a gradient"),
    ],
)
def test_what_is_refused(change, message):
    given = {
        "module": linear,
        "inputs": X,
        "targets": Y,
        "theta": start(),
        "learner": "random-search",
    } | change
    with pytest.raises(InvalidSetting, match=message):
        nogd.fit(**given, budget=20)


def test_theta_is_for_functions():
    with pytest.raises(InvalidSetting, match="a module starts from its own parameters"):
        nogd.fit(plain.network(3, 1), X, Y, theta=start(), learner="random-search")


def test_a_class_is_no_function():
    with pytest.raises(InvalidSetting, match=r"must be a torch\.nn\.Module"):
        nogd.fit(torch.nn.Linear, X, Y, learner="random-search")


def test_no_warning_is_given(recwarn):
    nogd.fit(linear, X, Y, theta=start(), learner="gauss-newton", budget=30)
    assert not [each for each in recwarn if issubclass(each.category, NogdWarning)]
