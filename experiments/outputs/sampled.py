"""swim beside its authors' package swimnetworks, one draw each: `python experiments/outputs/sampled.py`."""

from __future__ import annotations

import itertools
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor, nn

import nogd

HERE = Path(__file__).parent
SEEDS, EXAMPLES, INPUTS, RIDGE = 30, 500, 5, 1e-12
ACTIVATIONS = {"tanh": nn.Tanh, "relu": nn.ReLU}


def data(seed: int) -> tuple[Tensor, Tensor]:
    """Friedman's first function without noise, on [-1, 1]^5, standardised."""
    rng = Generator().manual_seed(seed)
    x = torch.rand(EXAMPLES, INPUTS, generator=rng, dtype=torch.float64)
    y = 10 * (torch.pi * x[:, 0] * x[:, 1]).sin() + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return 2 * x - 1, ((y - 14.4) / 4.9)[:, None]


def ours(activation: str, widths: tuple[int, ...], seed: int) -> float:
    """Mean squared error on test data of one draw."""
    sizes = itertools.pairwise((INPUTS, *widths))
    hidden = [each for a, b in sizes for each in (nn.Linear(a, b), ACTIVATIONS[activation]())]
    module = nn.Sequential(*hidden, nn.Linear(widths[-1], 1)).double()
    learner = f"swim,draws=1,population=1,ridge={RIDGE}"
    nogd.fit(module, *data(0), learner=learner, budget=1_000, seed=seed)
    x, y = data(1)
    with torch.no_grad():
        return float((module(x) - y).square().mean())


def theirs(activation: str, widths: tuple[int, ...], seed: int) -> float:
    """The same of swimnetworks."""
    from sklearn.pipeline import Pipeline
    from swimnetworks import Dense, Linear

    steps: list[tuple[str, object]] = [
        (
            f"dense{place}",
            Dense(
                layer_width=width,
                activation=activation,
                parameter_sampler=activation,
                random_seed=100 * seed + place,
            ),
        )
        for place, width in enumerate(widths)
    ]
    model = Pipeline([*steps, ("linear", Linear(regularization_scale=RIDGE))])
    x, y = data(0)
    model.fit(x.numpy(), y.numpy())
    x, y = data(1)
    return float(np.mean((model.transform(x.numpy()) - y.numpy()) ** 2))


def main() -> None:
    """Write sampled.csv: quartiles of the test error over 30 draws."""
    warnings.simplefilter("ignore")
    rows = []
    for activation, widths in itertools.product(ACTIVATIONS, [(20,), (100,), (50, 50)]):
        for name, draw in (("nogd", ours), ("swimnetworks", theirs)):
            errors = [draw(activation, widths, seed) for seed in range(SEEDS)]
            low, middle, high = np.quantile(errors, [0.25, 0.5, 0.75]).round(5)
            rows.append(
                {
                    "activation": activation,
                    "hidden": "-".join(map(str, widths)),
                    "package": name,
                    "quartile": low,
                    "median": middle,
                    "upper": high,
                }
            )
    table = pd.DataFrame(rows)
    table.to_csv(HERE / "sampled.csv", index=False)
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
