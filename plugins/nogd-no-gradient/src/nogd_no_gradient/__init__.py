"""Tasks without a gradient, or with a bad one: what the entry point loads, so nothing heavy is imported here."""

from __future__ import annotations

from nogd.hookspecs import hookimpl
from nogd.plugins.registry import Lazy

_CLASSES = ("classification", "no-gradient")
_TASKS = (
    ("sign-board", "boards:SignBoard", _CLASSES, "units that give -1 or 1, and the share of errors"),
    ("tree-board", "boards:TreeBoard", _CLASSES, "a hard oblique decision tree"),
    ("f1-board", "boards:F1Board", _CLASSES, "rare fields, units that give -1 or 1, and 1 - F1 as the loss"),
    ("auc-board", "boards:AucBoard", _CLASSES, "rare fields, a smooth network, and 1 - AUC as the loss"),
    ("wine-ternary", "stepped:WineTernary", _CLASSES, "weights of -1, 0 and 1"),
    ("wine-4bit", "stepped:Wine4Bit", _CLASSES, "weights of 15 values"),
    ("wine-8bit", "stepped:Wine8Bit", _CLASSES, "weights of 255 values"),
    ("digits-spiking", "stepped:DigitsSpiking", _CLASSES, "recurrent neurons that spike, row by row"),
    ("lookup", "stepped:Lookup", _CLASSES, "attention that looks at one record alone"),
    (
        "diabetes-rank",
        "ranks:DiabetesRank",
        ("no-gradient", "ranking"),
        "an order of patients, and 1 - Spearman's correlation as the loss",
    ),
    (
        "deep-sigmoid",
        "deep_sigmoid:DeepSigmoid",
        ("classification", "hard-gradient"),
        "seven layers of sigmoids, through which the gradient vanishes",
    ),
    (
        "logistic-map",
        "chaos:LogisticMap",
        ("hard-gradient", "regression"),
        "two parameters of a chaotic map, from 20 steps of it",
    ),
    (
        "lorenz",
        "chaos:Lorenz",
        ("hard-gradient", "regression"),
        "six parameters of chaotic equations, from 40 steps of them",
    ),
)
_DATASETS = (
    ("checkerboard", "boards:CheckerboardData", "2,400 points on a board of 3 x 3 fields"),
    ("rare-fields", "boards:RareData", "the board with a third of the points in its dark fields"),
    ("records", "stepped:Records", "900 questions, each with four records, of which one has the answer"),
    ("logistic-map", "chaos:LogisticData", "the first numbers of a chaotic map"),
    ("lorenz", "chaos:LorenzData", "places on a chaotic path"),
)
_LOSSES = (
    ("one-minus-f1", "losses:ONE_MINUS_F1", "1 - F1 of class 1"),
    ("one-minus-auc", "losses:ONE_MINUS_AUC", "1 - area under the ROC curve"),
    ("one-minus-spearman", "losses:ONE_MINUS_SPEARMAN", "1 - Spearman's rank correlation"),
)


@hookimpl
def nogd_tasks() -> list[Lazy]:
    """Offer this package's tasks to nogd."""
    return [Lazy(name, f"nogd_no_gradient.{at}", summary, tags=tags) for name, at, tags, summary in _TASKS]


@hookimpl
def nogd_datasets() -> list[Lazy]:
    """Offer this package's data to nogd."""
    return [Lazy(name, f"nogd_no_gradient.{at}", summary) for name, at, summary in _DATASETS]


@hookimpl
def nogd_losses() -> list[Lazy]:
    """Offer this package's losses to nogd."""
    return [Lazy(name, f"nogd_no_gradient.{at}", summary) for name, at, summary in _LOSSES]


@hookimpl
def nogd_metrics() -> list[Lazy]:
    """Offer this package's metric to nogd."""
    return [Lazy("spearman", "nogd_no_gradient.ranks:SPEARMAN", "Spearman's rank correlation")]
