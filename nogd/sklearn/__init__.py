"""Estimators for scikit-learn: `from nogd.sklearn import NogdClassifier, NogdRegressor`.

Nothing in nogd imports this package, whose base classes are scikit-learn's; it comes with its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nogd.sklearn.classifier import NogdClassifier as NogdClassifier
    from nogd.sklearn.regressor import NogdRegressor as NogdRegressor

__all__ = ["NogdClassifier", "NogdRegressor"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'nogd.sklearn' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"nogd.sklearn.{name.removeprefix('Nogd').lower()}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
