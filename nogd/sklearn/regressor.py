"""A network as scikit-learn's regressor."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from sklearn.base import RegressorMixin
from sklearn.preprocessing import StandardScaler

from nogd.sklearn.base import Array, NogdEstimator, dense


class NogdRegressor(RegressorMixin, NogdEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A network that predicts numbers, trained by any learner of nogd.

    Its parameters are those of `NogdEstimator`; the usual loss is "mse".

    :ivar module_: the trained network, of standardised features; a torch module in float64.
    :ivar run_: the `nogd.Run`: its meter has the cost, its curve the losses, of standardised targets.
    :ivar scaler_: the StandardScaler of the features.
    :ivar target_scaler_: the one of the targets.
    :ivar n_features_in_: number of features; `feature_names_in_` has their names, if X has names.
    """

    usual_loss: ClassVar[str] = "mse"

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NogdRegressor:
        """Train a new network.

        :param X: `[N, features]`: an array, a DataFrame of numbers or a sparse matrix, which is made dense.
        :param y: `[N]` or `[N, outputs]`.
        :param sample_weight: `[N]`; for the losses mse, mae and huber.
        :returns: the estimator.
        :raises UserError: if a parameter is invalid, or the learner cannot work on this problem.
        :raises ValueError: if the data are invalid.
        """
        X, y = dense(self, X, y, multi_output=True, y_numeric=True)
        self._ndim, seed = y.ndim, self._seed()
        parts = self._parts(X, y.reshape(len(y), -1).astype(float), sample_weight, seed, None)
        scaler = StandardScaler(with_mean=self.standardize, with_std=self.standardize)
        self.target_scaler_ = scaler.fit(parts[0].targets, sample_weight=parts[0].weights)
        self._train(parts, lambda y: torch.from_numpy(scaler.transform(y)), parts[0].targets.shape[1], seed)
        return self

    def predict(self, X: Any) -> Array:
        """The predicted targets, `[N]` or `[N, outputs]` as in `fit`.

        :param X: `[N, features]`.
        """
        outputs = self._outputs(X)
        found: Array = self.target_scaler_.inverse_transform(outputs)
        return found[:, 0] if self._ndim == 1 else found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = tags.input_tags.sparse = True
        return tags

    def _more_tags(self) -> dict[str, bool]:  # what scikit-learn 1.5 asks for
        return {"multioutput": True}
