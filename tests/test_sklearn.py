"""The estimators keep scikit-learn's contract, and do what nogd.fit does."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

import nogd
import nogd.sklearn
from nogd.errors import DataError, InvalidSetting, UnknownName
from nogd.sklearn import NogdClassifier, NogdRegressor
from nogd.training.names import build

QUICK: dict[str, Any] = {"learner": "adam", "hidden": (8,), "budget": 150}
HELD_OUT = QUICK | {"validation_fraction": 0.2, "patience": 5}
IRIS, FLOWERS = load_iris(return_X_y=True)
PATIENTS, COURSES = load_diabetes(return_X_y=True)
WEIGHTS = np.arange(150) % 4


@parametrize_with_checks([NogdClassifier(**QUICK), NogdRegressor(**QUICK)])
def test_the_contract_of_estimators(estimator, check):
    check(estimator)


def other_rows_are_held_out(_estimator: object) -> dict[str, str]:
    kinds = ("on_dense_data", "on_sparse_data")
    why = "of repeated rows others are held out than of rows with weights"
    return {f"check_sample_weight_equivalence_{kind}": why for kind in kinds}


if "expected_failed_checks" in inspect.signature(parametrize_with_checks).parameters:  # not in 1.5

    @parametrize_with_checks(
        [NogdClassifier(**HELD_OUT), NogdRegressor(**HELD_OUT)],
        expected_failed_checks=other_rows_are_held_out,
    )
    def test_the_contract_with_rows_held_out(estimator, check):
        check(estimator)


# -- what is trained


def test_it_is_nogd_fit_on_standardised_data():
    found = NogdClassifier("grid-search+adam", hidden=(5,), budget=300, random_state=3).fit(IRIS, FLOWERS)
    seed = int(np.random.RandomState(3).randint(2**31 - 1))
    torch.manual_seed(seed)
    module = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)).double()
    x = torch.from_numpy(StandardScaler().fit_transform(IRIS, sample_weight=np.ones(150)))
    box = {"bounds": (-2.0, 2.0), "seed": seed}
    run = nogd.fit(
        module, x, torch.tensor(FLOWERS), learner="grid-search+adam", loss="cross-entropy", budget=300, **box
    )
    assert torch.equal(found.run_.theta, run.theta)
    assert found.run_.meter.forwards == run.meter.forwards <= 300
    with torch.no_grad():
        assert np.allclose(found.predict_proba(IRIS), module(x).softmax(1).numpy(), rtol=1e-12)


def test_without_standardising_the_data_are_what_they_are():
    found = NogdRegressor(**QUICK, standardize=False).fit(PATIENTS, COURSES)
    with torch.no_grad():
        expected = found.module_(torch.from_numpy(PATIENTS))[:, 0].numpy()
    assert np.array_equal(found.predict(PATIENTS), expected)


def test_what_is_held_out_teaches_nothing():
    """Neither means nor parameters come from there, and the best parameters for it are kept."""
    found = NogdRegressor(**(HELD_OUT | {"budget": 2_000})).fit(PATIENTS, COURSES)
    curve = found.run_.curve
    assert found.run_.status == "stopped"
    best = int(curve["validation_loss"].argmin())
    assert len(curve) == best + 1 + 5
    assert best > 0
    train = np.abs(found._scaled(PATIENTS).numpy().mean(0)) > 1e-3
    assert train.all()  # the mean of all rows is not that of the rows that are trained on
    outputs = found.module_(found._scaled(PATIENTS)).detach().numpy()
    errors = (outputs - found.target_scaler_.transform(COURSES[:, None]))[:, 0] ** 2
    whole = (errors.sum() - curve["loss"][best] * 353) / 89
    assert whole == pytest.approx(curve["validation_loss"][best], rel=1e-9)


def test_a_split_holds_out_of_every_class():
    rare = np.where(np.arange(150) < 140, "often", "rare")
    found = NogdClassifier(**HELD_OUT).fit(IRIS, rare)
    parts = found._parts(IRIS, np.arange(150), None, found._seed(), rare)
    assert [np.count_nonzero(rare[part.targets] == "rare") for part in parts] == [8, 2]


@pytest.mark.parametrize("estimator", [NogdClassifier(**QUICK), NogdRegressor(**QUICK)])
def test_the_random_state_decides_and_the_global_one_stays(estimator):
    torch.manual_seed(5)
    first = clone(estimator).set_params(random_state=1).fit(IRIS, FLOWERS)
    assert torch.initial_seed() == 5
    drawn = torch.rand(1)
    again = clone(estimator).set_params(random_state=1).fit(IRIS, FLOWERS)
    other = clone(estimator).set_params(random_state=2).fit(IRIS, FLOWERS)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)
    assert torch.equal(first.run_.theta, again.run_.theta)
    assert not torch.equal(first.run_.theta, other.run_.theta)


class Wide(nn.Module):
    """With Dropout, which is off where a network is scored as it will be used."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(inputs, 6), nn.Tanh(), nn.Dropout(), nn.Linear(6, outputs))

    def forward(self, x):
        return self.layers(x)


def test_a_network_of_ones_own():
    found = NogdClassifier("adam", module=Wide, budget=300).fit(IRIS, FLOWERS)
    assert isinstance(found.module_, Wide)
    assert found.score(IRIS, FLOWERS) > 0.9
    assert np.array_equal(found.predict(IRIS), found.predict(IRIS))


def test_a_learner_as_an_object_is_cloned():
    estimator = clone(NogdRegressor(build("adam,lr=0.02"), budget=50))
    assert str(estimator.fit(PATIENTS, COURSES).run_.learner) == "adam,lr=0.02"


def test_no_hidden_layer_is_a_linear_model():
    found = NogdRegressor("adam", hidden=(), budget=900).fit(PATIENTS, COURSES)
    assert [type(each) for each in found.module_] == [nn.Linear]
    assert found.score(PATIENTS, COURSES) == pytest.approx(0.5177, abs=2e-3)  # least squares


def test_several_targets_at_once():
    both = np.stack([COURSES, -COURSES], 1)
    found = NogdRegressor(**QUICK).fit(PATIENTS, both)
    assert found.predict(PATIENTS).shape == (442, 2)
    assert found.score(PATIENTS, both) > 0.3


def test_it_survives_a_pickle():
    found = NogdClassifier(**QUICK).fit(IRIS, FLOWERS)
    again = pickle.loads(pickle.dumps(found))
    assert np.array_equal(again.predict_proba(IRIS), found.predict_proba(IRIS))
    assert again.run_.curve.equals(found.run_.curve)


# -- losses and weights


@pytest.mark.parametrize("loss", ["cross-entropy", "binary-cross-entropy"])
@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities(loss, classes):
    rows = classes > FLOWERS
    found = NogdClassifier(**QUICK, loss=loss).fit(IRIS[rows], FLOWERS[rows])
    shares = found.predict_proba(IRIS)
    assert shares.shape == (150, classes)
    assert np.allclose(shares.sum(1), 1)
    assert np.array_equal(found.classes_[shares.argmax(1)], found.predict(IRIS))
    assert found.score(IRIS[rows], FLOWERS[rows]) > 0.9


@pytest.mark.parametrize("loss", ["mse", "hinge", "zero-one", lambda outputs, y: outputs.sum() * 0])
def test_what_makes_no_probabilities_has_none(loss):
    found = NogdClassifier("random-search", hidden=(3,), budget=64, loss=loss).fit(IRIS, FLOWERS)
    assert not hasattr(found, "predict_proba")
    assert found.decision_function(IRIS).shape == (150, 3)


@pytest.mark.parametrize("loss", ["mse", "mae", "huber"])
def test_whole_weights_are_repeated_rows_of_a_regression(loss):
    made = [NogdRegressor(**QUICK, loss=loss) for _ in range(2)]
    weighted = made[0].fit(IRIS, FLOWERS, sample_weight=WEIGHTS)
    repeated = made[1].fit(np.repeat(IRIS, WEIGHTS, 0), np.repeat(FLOWERS, WEIGHTS))
    plain = clone(made[0]).fit(IRIS, FLOWERS)
    assert np.allclose(weighted.predict(IRIS), repeated.predict(IRIS), rtol=1e-6)
    assert not np.allclose(weighted.predict(IRIS), plain.predict(IRIS), rtol=1e-3)


@pytest.mark.parametrize("loss", ["cross-entropy", "binary-cross-entropy", "mse"])
def test_whole_weights_are_repeated_rows_of_a_classification(loss):
    made = [NogdClassifier(**QUICK, loss=loss) for _ in range(2)]
    weighted = made[0].fit(IRIS, FLOWERS, sample_weight=WEIGHTS)
    repeated = made[1].fit(np.repeat(IRIS, WEIGHTS, 0), np.repeat(FLOWERS, WEIGHTS))
    assert np.allclose(weighted.decision_function(IRIS), repeated.decision_function(IRIS), rtol=1e-6)


def test_rows_that_are_held_out_keep_their_weights():
    heavy = np.where(FLOWERS == 2, 50.0, 1.0)
    found = NogdClassifier(**HELD_OUT).fit(IRIS, FLOWERS, sample_weight=heavy)
    assert np.count_nonzero(found.predict(IRIS) == 2) >= 50
    shares = found.predict_proba(IRIS)[np.arange(150), FLOWERS]
    held = found._parts(IRIS, np.arange(150), heavy, found._seed(), FLOWERS)[1]
    expected = np.average(-np.log(shares[held.targets]), weights=held.weights)
    assert found.run_.curve["validation_loss"].min() == pytest.approx(expected, rel=1e-9)


# -- with scikit-learn


def patients() -> tuple[pd.DataFrame, list[str]]:
    frame = pd.DataFrame(
        {
            "colour": np.where(FLOWERS == 0, "red", "blue"),
            "length": IRIS[:, 2],
            "kind": np.where(np.arange(150) % 2 == 0, "even", "odd"),
        }
    )
    return frame, ["setosa" if each == 0 else "other" for each in FLOWERS]


def test_a_table_of_strings_behind_an_encoder():
    frame, names = patients()
    encoder = make_column_transformer(
        (OneHotEncoder(), ["colour", "kind"]), remainder="passthrough", sparse_threshold=1
    )
    model = make_pipeline(encoder, NogdClassifier(**QUICK))
    assert cross_val_score(model, frame, names, cv=3).min() == 1
    assert model.fit(frame, names).classes_.tolist() == ["other", "setosa"]
    assert model[-1].n_features_in_ == 5


def test_a_sparse_matrix_is_made_dense():
    frame, names = patients()
    model = make_pipeline(OneHotEncoder(), NogdClassifier(**QUICK)).fit(frame[["colour", "kind"]], names)
    assert model.predict(frame[["colour", "kind"]]).tolist() == names


def test_names_of_features_are_kept_and_compared():
    frame = pd.DataFrame(IRIS, columns=["a", "b", "c", "d"])
    found = NogdClassifier(**QUICK).fit(frame, FLOWERS)
    assert found.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names"):
        found.predict(frame[["d", "c", "b", "a"]])


def test_a_search_over_learners_and_layers():
    grid = {"nogdregressor__learner": ["adam", "random-search"], "nogdregressor__hidden": [(), (4,)]}
    search = GridSearchCV(make_pipeline(StandardScaler(), NogdRegressor(budget=150)), grid, cv=2)
    search.fit(PATIENTS, COURSES)
    assert search.best_params_["nogdregressor__learner"] == "adam"
    assert search.best_estimator_[-1].run_.meter.forwards <= 150


# -- what cannot be


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"learner": "adm"}, UnknownName, "did you mean 'adam'"),
        ({"learner": 5}, InvalidSetting, "a learner is a name"),
        ({"learner": "adam,lr=-1"}, InvalidSetting, "lr"),
        ({"hidden": (5, 0)}, InvalidSetting, r"hidden must hold whole numbers of at least 1, not \(5, 0\)"),
        ({"hidden": "wide"}, InvalidSetting, "hidden must hold"),
        ({"hidden": (2.5,)}, InvalidSetting, "hidden must hold"),
        ({"module": nn.Linear(4, 3)}, InvalidSetting, "which each fit calls for a new network"),
        ({"module": 5}, InvalidSetting, "module must be a function"),
        ({"module": lambda inputs, outputs: 5}, InvalidSetting, "module must make a torch module"),
        ({"module": lambda inputs, outputs: nn.Linear(inputs, 2)}, DataError, "2 outputs"),
        (
            {"module": lambda inputs, outputs: nn.Linear(inputs, 4)},
            InvalidSetting,
            r"module must make a network with 3 outputs here, but its outputs for one row have shape \[1, 4\]",
        ),
        ({"standardize": "yes"}, InvalidSetting, "standardize must be True or False, not 'yes'"),
        ({"budget": -5}, InvalidSetting, "budget"),
        ({"loss": "crossentropy"}, UnknownName, "did you mean 'cross-entropy'"),
        ({"bounds": (2, -2)}, InvalidSetting, "low <= high"),
        (
            {"validation_fraction": 1.5},
            InvalidSetting,
            "validation_fraction must be a number from 0 to below 1",
        ),
        ({"validation_fraction": "some"}, InvalidSetting, "validation_fraction must be a number"),
        ({"patience": 0}, InvalidSetting, "patience must be a whole number of at least 1"),
        ({"loss": "zero-one"}, InvalidSetting, "adam needs a gradient"),
    ],
)
def test_settings_that_cannot_be(settings, error, words):
    with pytest.raises(error, match=words):
        NogdClassifier(**(QUICK | settings)).fit(IRIS, FLOWERS)


@pytest.mark.parametrize(
    ("settings", "weights", "error", "words"),
    [
        (
            {"loss": "hinge"},
            WEIGHTS,
            InvalidSetting,
            "sample_weight needs a loss that is known example by example",
        ),
        ({"learner": "unit-search"}, WEIGHTS, InvalidSetting, "unit-search does not take sample_weight"),
        ({}, -WEIGHTS, ValueError, "must not be negative"),
        ({}, WEIGHTS * 0, ValueError, "zero"),
        ({}, WEIGHTS[1:], ValueError, "sample_weight"),
    ],
)
def test_weights_that_cannot_be(settings, weights, error, words):
    with pytest.raises(error, match=words):
        NogdClassifier(**(QUICK | settings)).fit(IRIS, FLOWERS, sample_weight=weights)


def test_equal_weights_are_no_weights():
    found = NogdClassifier(**(QUICK | {"learner": "unit-search"})).fit(
        IRIS, FLOWERS, sample_weight=[2.5] * 150
    )
    assert found.score(IRIS, FLOWERS) > 0.9


def test_too_few_rows_to_hold_some_out():
    with pytest.raises(
        ValueError, match=r"validation_fraction=0.2 cannot hold out a part of these 4 rows: .*classes"
    ):
        NogdClassifier(**HELD_OUT).fit(IRIS[48:52], FLOWERS[48:52])


def test_one_class_is_none_to_learn():
    with pytest.raises(ValueError, match=r"y has one class only, setosa; give samples of at least two"):
        NogdClassifier(**QUICK).fit(IRIS, ["setosa"] * 150)


def test_a_prediction_before_the_fit():
    with pytest.raises(NotFittedError):
        NogdClassifier().predict_proba(IRIS)


def test_the_door_says_what_it_does_not_have():
    assert dir(nogd.sklearn) == ["NogdClassifier", "NogdRegressor"]
    with pytest.raises(AttributeError, match="no attribute 'Classifier'"):
        nogd.sklearn.Classifier  # noqa: B018
