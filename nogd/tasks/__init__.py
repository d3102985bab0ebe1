"""The built-in tasks, data sets and metrics, offered like any plugin's: by name, without importing them."""

from __future__ import annotations

from collections.abc import Sequence

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy

_DATASETS = (
    Lazy(
        "diabetes",
        "nogd.tasks.datasets:Diabetes",
        "442 patients, 10 measurements, and how far diabetes advanced in a year",
    ),
    Lazy(
        "breast-cancer",
        "nogd.tasks.datasets:BreastCancer",
        "569 tumours, malignant or benign, by 30 measurements of cell nuclei",
    ),
    Lazy(
        "wine",
        "nogd.tasks.datasets:Wine",
        "178 wines of three growers, with 13 chemical measurements",
    ),
    Lazy("iris", "nogd.tasks.datasets:Iris", "150 irises of three species, four lengths each"),
    Lazy("digits", "nogd.tasks.datasets:Digits", "1,797 handwritten digits, 8 x 8 pixels"),
    Lazy(
        "two-spirals",
        "nogd.tasks.datasets:TwoSpirals",
        "Two interleaved spirals with a little noise, 200 points each",
    ),
    Lazy(
        "parity",
        "nogd.tasks.datasets:Parity",
        "All rows of eight bits, or of more, and whether an odd number of them is set",
    ),
)

_CLASSIFICATION, _REGRESSION = ("classification",), ("regression",)

_TASKS = tuple(
    Lazy(name, f"nogd.tasks.{target}", summary, tags=tags)
    for name, target, tags, summary in (
        (
            "original",
            "regression:Original",
            _REGRESSION,
            "the study that nogd grew out of, unchanged: raw data, no split",
        ),
        ("diabetes", "regression:Diabetes", _REGRESSION, "10 inputs, 442 noisy examples"),
        ("breast-cancer", "classification:BreastCancer", _CLASSIFICATION, "two classes, 30 inputs, easy"),
        ("wine", "classification:Wine", _CLASSIFICATION, "three classes, 13 inputs, few examples"),
        ("iris", "classification:Iris", _CLASSIFICATION, "three classes, 4 inputs, the smallest network"),
        ("digits", "classification:Digits", _CLASSIFICATION, "ten classes, 64 inputs, the largest network"),
        (
            "two-spirals",
            "classification:TwoSpirals",
            _CLASSIFICATION,
            "two classes in the plane, a boundary that is hard to fit",
        ),
        ("parity", "classification:Parity", _CLASSIFICATION, "eight bits or more, odd or even; no split"),
        (
            "breast-cancer-sign",
            "classification:BreastCancerSign",
            ("classification", "no-gradient"),
            "step activations and the share of errors as loss; no gradient",
        ),
        (
            "diabetes-ternary",
            "regression:DiabetesTernary",
            ("regression", "no-gradient"),
            "weights rounded to -1, 0 or 1; no gradient",
        ),
        (
            "cart-pole",
            "control:CartPole",
            ("control", "no-gradient"),
            "balance a pole on a cart; episodes in place of data",
        ),
    )
)

_METRICS = {
    "accuracy": "share of right predictions",
    "error-rate": "share of wrong predictions",
    "balanced-accuracy": "mean recall over the classes",
    "f1": "harmonic mean of precision and recall; of several classes the mean",
    "auc": "area under the ROC curve; of several classes the mean, each against the rest",
    "r2": "share of the targets' variance that is explained",
    "rmse": "root of the mean squared error",
    "mae": "mean absolute error",
}


@hookimpl
def nogd_datasets() -> Sequence[Lazy]:
    """The built-in data sets."""
    return _DATASETS


@hookimpl
def nogd_tasks() -> Sequence[Lazy]:
    """The built-in tasks."""
    return _TASKS


@hookimpl
def nogd_metrics() -> Sequence[Lazy]:
    """The built-in metrics."""
    return [
        Lazy(name, f"nogd.problem.metrics:{name.replace('-', '_')}", summary)
        for name, summary in _METRICS.items()
    ]
