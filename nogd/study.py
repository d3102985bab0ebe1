"""The three models of the study that nogd grew out of, as its notebook calls them.

    search_model = SearchModel(input_size=10, hidden_sizes=[5, 4], output_size=1)
    history = search_model.search(X, y, max_iterations=30)

They are faces of nogd's own learners: `grid-search`, `adam` with its plateau schedule, and one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from nogd.api import fit
from nogd.engine.inputs.arrays import tensor_of
from nogd.engine.losses import mse
from nogd.engine.space import DEFAULT_BOX, Interval, ParameterSpace, interval
from nogd.errors import DataError, InvalidSetting
from nogd.report.numbers.curves import carried_forward
from nogd.training.user_call import Run, is_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

History = NDArray[np.float64]


@dataclass(eq=False)
class StudyModel:
    """What the three have in common: a network, its start and its predictions. The loss is the mean squared error.

    :param input_size: inputs of an example.
    :param hidden_sizes: units of each hidden layer. A ReLU follows each of them but the first.
    :param output_size: outputs of an example.
    :param weight_range: (low, high), within which weights start, uniformly, and are searched.
    :param bias_range: the same for biases.
    :param seed: of the start. Models of the same sizes, ranges and seed start from the same parameters.
    :ivar network: the network, a torch module.
    :ivar runs: a `nogd.Run` for each phase of the latest training, with its cost and its curve.
    :raises InvalidSetting: if a size, a range or the seed is invalid.
    """

    input_size: int
    hidden_sizes: Sequence[int]
    output_size: int
    weight_range: Sequence[float] = DEFAULT_BOX
    bias_range: Sequence[float] = DEFAULT_BOX
    seed: int = field(default=0, kw_only=True)
    network: nn.Sequential = field(init=False, repr=False)
    runs: list[Run] = field(init=False, repr=False, default_factory=list)

    def __post_init__(self) -> None:
        if not is_whole(self.seed) or not 0 <= self.seed < 2**63:
            raise InvalidSetting(
                f"seed must be a whole number from 0, of at most 63 bits, not {self.seed!r:.60}."
            )
        hidden = np.atleast_1d(np.asarray(self.hidden_sizes, dtype=object))
        self.network = _network([self.input_size, *hidden, self.output_size])
        space = ParameterSpace(self.network, self.bounds)
        space.write(space.sample(1, Generator().manual_seed(int(self.seed)))[0], self.network)

    @property
    def bounds(self) -> dict[str, Interval]:
        """The search box."""
        weights, biases = interval(self.weight_range, "weight_range"), interval(self.bias_range, "bias_range")
        return {"*.weight": weights, "*.bias": biases}

    def predict(self, X: Any) -> Any:
        """The network's outputs.

        :param X: inputs `[N, input_size]`: a tensor, an array or a DataFrame.
        :returns: `[N, output_size]`, a tensor for a tensor, else an array.
        :raises DataError: if the inputs do not suit the network.
        """
        outputs = self._outputs(X)
        return outputs if isinstance(X, Tensor) else outputs.numpy()

    def evaluate(self, X: Any, y: Any) -> float:
        """The mean squared error.

        :param X: inputs `[N, input_size]`.
        :param y: targets `[N]` or `[N, output_size]`.
        :raises DataError: if the data do not suit the network.
        """
        outputs = self._outputs(X)
        return float(mse(outputs, mse.fit_targets(tensor_of(y, "targets"), outputs)))

    def plot(self, axes: Axes | None = None) -> Axes:
        """Draw the loss after each iteration of the latest training, with a vertical line where a second phase begins.

        :param axes: of matplotlib, to draw on; new ones if not given.
        :returns: the axes.
        :raises InvalidSetting: if the model has not been trained.
        """
        from matplotlib import pyplot as plt

        if not self.runs:
            raise InvalidSetting(f"this {type(self).__name__} has no history yet: train it first.")
        axes = plt.subplots()[1] if axes is None else axes
        _draw(axes, type(self).__name__, self.runs)
        return axes

    def _outputs(self, X: Any) -> Tensor:
        inputs = tensor_of(X, "inputs").to(next(self.network.parameters()))
        if inputs.shape[1:] != (self.input_size,):
            raise DataError(
                f"the inputs have shape {list(inputs.shape)}; this model takes [N, {self.input_size}]."
            )
        with torch.no_grad():
            outputs: Tensor = self.network(inputs)
        return outputs

    def _train(self, X: Any, y: Any, learner: str, iterations: int, **settings: Any) -> History:
        """Go on from where the network is; the losses of the start and after each iteration."""
        budget = {"iterations": iterations}
        run = fit(self.network, X, y, learner=learner, budget=budget, bounds=self.bounds, **settings)
        self.runs = [run]
        return _losses(run)


@dataclass(eq=False)
class SearchModel(StudyModel):
    """Grid search, one parameter at a time. See `StudyModel`.

    :param weight_range_size: values to try for a weight, evenly spaced.
    :param bias_range_size: values to try for a bias.
    """

    weight_range_size: int = 100
    bias_range_size: int = 100

    def search(
        self, X: Any, y: Any, max_iterations: int = 30, early_stopping: bool = True, tolerance: float = 1e-6
    ) -> History:
        """Sweep over all parameters, again and again.

        :param X: inputs `[N, input_size]`: a tensor, an array or a DataFrame.
        :param y: targets `[N]` or `[N, output_size]`.
        :param max_iterations: number of sweeps.
        :param early_stopping: whether to stop after a sweep that neither beats the best nor gains `tolerance`.
        :param tolerance: least gain in loss.
        :returns: the loss after each sweep.
        """
        for name in ("weight_range_size", "bias_range_size"):
            if not is_whole(size := getattr(self, name)) or size < 2:
                raise InvalidSetting(f"{name} must be a whole number of at least 2, not {size!r:.60}.")
        grid = {"points": self.weight_range_size, "bias_points": self.bias_range_size}
        stop = {"early_stopping": early_stopping, "tolerance": tolerance}
        return self._train(X, y, "grid-search", max_iterations, **grid, **stop)[1:]


@dataclass(eq=False)
class GradientModel(StudyModel):
    """Adam on all examples at once; the rate is divided by 10 after 5 epochs without improvement. See `StudyModel`."""

    def train_model(self, X: Any, y: Any, num_epochs: int = 30, learning_rate: float = 0.1) -> History:
        """Take a step of Adam in each epoch.

        :param X: inputs `[N, input_size]`: a tensor, an array or a DataFrame.
        :param y: targets `[N]` or `[N, output_size]`.
        :param num_epochs: number of steps.
        :param learning_rate: of the first steps.
        :returns: the loss before each step.
        """
        return self._train(X, y, "adam", num_epochs, lr=learning_rate, plateau=True)[:-1]


@dataclass(eq=False)
class HybridModel(SearchModel, GradientModel):
    """Grid search, then Adam from where it ended. See `SearchModel` and `GradientModel`."""

    def search_and_train(
        self, X: Any, y: Any, num_iterations: int = 30, learning_rate: float = 0.1
    ) -> History:
        """Search, then train.

        :param X: inputs `[N, input_size]`: a tensor, an array or a DataFrame.
        :param y: targets `[N]` or `[N, output_size]`.
        :param num_iterations: number of sweeps, and then of epochs.
        :param learning_rate: of Adam's first steps.
        :returns: what `search` gives, then what `train_model` gives.
        """
        searched = self.search(X, y, num_iterations)
        first = self.runs
        trained = self.train_model(X, y, num_iterations, learning_rate)
        self.runs = first + self.runs
        return np.concatenate([searched, trained])


def _network(sizes: Sequence[int]) -> nn.Sequential:
    """Linear layers of these sizes, their parameters not set yet."""
    if not all(is_whole(size) and size >= 1 for size in sizes):
        raise InvalidSetting(
            f"input_size, hidden_sizes and output_size must be whole numbers of at least 1, not {list(sizes)}."
        )
    layers: list[nn.Module] = []
    for place, (inputs, outputs) in enumerate(pairwise(map(int, sizes))):
        layers.append(nn.utils.skip_init(nn.Linear, inputs, outputs))
        layers += [nn.ReLU()] if 0 < place < len(sizes) - 2 else []
    return nn.Sequential(*layers)


def _losses(run: Run) -> History:
    """Those of the start and after each iteration; beyond 1,000 of them, the latest that the curve has."""
    iterations, losses = (run.curve[name].to_numpy(np.float64) for name in ("iteration", "loss"))
    return carried_forward(iterations, losses, np.arange(iterations[-1] + 1))


def _draw(axes: Axes, name: str, runs: Sequence[Run]) -> None:
    """The runs one after the other, as the report draws histories."""
    from nogd.report.drawing.style import looks
    from nogd.report.figures.histories import History as Drawn
    from nogd.report.figures.histories import draw_history

    first, *others = map(_losses, runs)
    losses = np.concatenate([first, *(each[1:] for each in others)])
    changes = np.cumsum([run.meter.iterations for run in runs])[:-1]
    phases = tuple(run.learner.name for run in runs)
    history = Drawn("", name, losses[None], (0,), tuple(map(int, changes)), phases)
    draw_history(axes, history, looks([name])[name], (float(losses.min()), float(losses.max())))
    axes.locator_params("x", integer=True)
