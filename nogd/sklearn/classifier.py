"""A network as scikit-learn's classifier."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d
from torch import Tensor

from nogd.sklearn.base import Array, NogdEstimator, dense


def _has_probabilities(estimator: NogdClassifier) -> bool:
    """Whether the loss makes probabilities of outputs."""
    return estimator._known_loss().name in {"cross-entropy", "binary-cross-entropy"}


class NogdClassifier(ClassifierMixin, NogdEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A network with an output for each class, trained by any learner of nogd.

    Its parameters are those of `NogdEstimator`; the usual loss is "cross-entropy". A loss that compares numbers, as
    "mse" and "binary-cross-entropy" do, is given 1 for the right class and 0 for the others.

    :ivar classes_: the classes, in the order of outputs.
    :ivar module_: the trained network, of standardised features; a torch module in float64.
    :ivar run_: the `nogd.Run`: its meter has the cost, its curve the losses.
    :ivar scaler_: the StandardScaler of the features.
    :ivar n_features_in_: number of features; `feature_names_in_` has their names, if X has names.
    """

    usual_loss: ClassVar[str] = "cross-entropy"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NogdClassifier:
        """Train a new network.

        :param X: `[N, features]`: an array, a DataFrame of numbers or a sparse matrix, which is made dense.
        :param y: `[N]`: classes, numbers or strings, at least two of them.
        :param sample_weight: `[N]`; for the losses cross-entropy, binary-cross-entropy, mse, mae and huber.
        :returns: the estimator.
        :raises UserError: if a parameter is invalid, or the learner cannot work on this problem.
        :raises ValueError: if the data are invalid.
        """
        X, y = dense(self, X, y)
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class only, {self.classes_[0]}; give samples of at least two classes."
            )
        seed = self._seed()
        parts = self._parts(X, numbers, sample_weight, seed, numbers)
        self._train(parts, self._encoded, len(self.classes_), seed)
        return self

    def decision_function(self, X: Any) -> Array:
        """The outputs, `[N, classes]`; of two classes by how much the second's is larger, `[N]`.

        :param X: `[N, features]`.
        """
        outputs = self._outputs(X)
        return outputs[:, 1] - outputs[:, 0] if len(self.classes_) == 2 else outputs

    def predict(self, X: Any) -> Array:
        """The class with the largest output, `[N]`.

        :param X: `[N, features]`.
        """
        outputs = self._outputs(X)
        found: Array = self.classes_[outputs.argmax(1)]
        return found

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> Array:
        """The probability of each class, `[N, classes]`; there with the losses cross-entropy and binary-cross-entropy.

        :param X: `[N, features]`.
        """
        outputs = torch.from_numpy(self._outputs(X))
        if self._known_loss().name == "cross-entropy":
            return outputs.softmax(1).numpy()
        shares = outputs.sigmoid()
        return (shares / shares.sum(1, keepdim=True)).numpy()

    def _encoded(self, numbers: Array) -> Tensor:
        """Numbers of classes as the loss takes them."""
        targets = torch.from_numpy(numbers)
        if self._known_loss().targets not in {"numbers", "shares"}:
            return targets
        return torch.nn.functional.one_hot(targets, len(self.classes_)).double()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
