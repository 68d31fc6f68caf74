"""Each metric keeps its word: direction, range, value on perfect and constant predictions."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from biam.exceptions import InvalidInputError, UnknownNameError
from biam.metrics import METRICS, evaluate, expected_calibration_error, spearman

RNG = np.random.default_rng(0)
CLASSES = np.tile([0, 1], 50)
TARGET = RNG.normal(size=100)
TARGET = (TARGET - TARGET.mean()) / TARGET.std()
ALL = sorted(METRICS)


def value(name, quality):
    """Metric on the perfect, on the best constant, or on the worst prediction there is."""
    metric = METRICS[name]
    if metric.needs == "weights":
        weights = {"perfect": -TARGET, "constant": np.ones(100), "worst": TARGET}[quality]
        return evaluate([name], TARGET, TARGET, losses=TARGET, weights=weights)[name]
    if metric.task == "regression":
        prediction = {"perfect": TARGET, "constant": np.zeros(100), "worst": 9 - TARGET}[quality]
        return evaluate([name], TARGET, prediction)[name]
    prediction = {"perfect": CLASSES, "constant": 0 * CLASSES, "worst": 1 - CLASSES}[quality]
    p = np.full(100, 0.5) if quality == "constant" else prediction
    return evaluate([name], CLASSES, prediction, np.column_stack([1 - p, p]))[name]


@pytest.mark.parametrize("name", ALL)
def test_perfect_prediction(name):
    assert value(name, "perfect") == pytest.approx(METRICS[name].perfect, abs=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_constant_prediction(name):
    got, registered = value(name, "constant"), METRICS[name].constant
    if math.isnan(registered):
        assert name == "mae"
        assert got == pytest.approx(np.abs(TARGET).mean())
    else:
        assert got == pytest.approx(registered, abs=1e-12)


@pytest.mark.parametrize("name", ALL)
def test_direction_and_range(name):
    metric = METRICS[name]
    perfect, worst = value(name, "perfect"), value(name, "worst")
    assert perfect > worst if metric.direction == "higher" else perfect < worst
    low, high = metric.range
    assert all(low - 1e-12 <= v <= high + 1e-12 for v in (perfect, worst))
    assert metric.name == name


def test_values_agree_with_scikit_learn():
    score = RNG.random(100)
    proba = np.column_stack([1 - score, score])
    got = evaluate(
        ["auroc", "auprc", "log_loss", "brier", "balanced_accuracy"],
        CLASSES,
        (score > 0.5).astype(int),
        proba,
    )
    assert got["auroc"] == pytest.approx(reference.roc_auc_score(CLASSES, score))
    assert got["auprc"] == pytest.approx(reference.average_precision_score(CLASSES, score))
    assert got["log_loss"] == pytest.approx(reference.log_loss(CLASSES, proba))
    assert got["brier"] == pytest.approx(reference.brier_score_loss(CLASSES, score))
    expected = reference.balanced_accuracy_score(CLASSES, score > 0.5)
    assert got["balanced_accuracy"] == pytest.approx(expected)


def test_three_classes_are_averaged_one_against_the_rest():
    y = RNG.integers(3, size=200)
    proba = RNG.dirichlet(np.ones(3), size=200)
    got = evaluate(["auroc", "log_loss"], y, proba.argmax(1), proba)
    expected = reference.roc_auc_score(y, proba, multi_class="ovr")
    assert got["auroc"] == pytest.approx(expected)
    assert got["log_loss"] == pytest.approx(reference.log_loss(y, proba))


def test_one_class_has_no_ranking_but_the_other_metrics():
    y, proba = np.ones(5, dtype=int), np.full((5, 2), 0.5)
    got = evaluate(["auroc", "log_loss", "f1_macro"], y, y, proba, classes=[0, 1])
    assert math.isnan(got["auroc"])
    assert got["log_loss"] == pytest.approx(math.log(2))
    assert got["f1_macro"] == 1.0


def test_text_classes():
    y = np.array(["bad", "good", "good"])
    proba = np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]])
    got = evaluate(["accuracy", "auroc", "ece"], y, y, proba, classes=["bad", "good"])
    assert got["accuracy"] == got["auroc"] == 1.0


def test_calibration_error_by_hand():
    # Two bins in use: (.8, .9] with 3 of 4 right at .9, and (.5, .6] with 1 of 1 right at .6.
    top = np.array([0.9, 0.9, 0.9, 0.9, 0.6])
    proba = np.column_stack([1 - top, top])
    truth = np.eye(2)[[1, 1, 1, 0, 1]]
    expected = (4 * abs(3 / 4 - 0.9) + abs(1 - 0.6)) / 5
    assert expected_calibration_error(truth, proba) == pytest.approx(expected)


@given(st.floats(0.5, 1.0), st.integers(1, 40))
def test_calibration_error_of_one_confidence_is_its_gap(confidence, n_bins):
    proba = np.tile([1 - confidence, confidence], (8, 1))
    truth = np.eye(2)[[1, 1, 1, 1, 1, 1, 0, 0]]
    expected = abs(0.75 - confidence) if confidence > 0.5 else None
    got = expected_calibration_error(truth, proba, n_bins)
    assert expected is None or got == pytest.approx(expected, abs=1e-12)


def test_spearman_sees_order_only():
    x = np.array([3.0, 1.0, 2.0, 5.0])
    assert spearman(x, np.exp(x)) == pytest.approx(1.0)
    assert spearman(x, -(x**3)) == pytest.approx(-1.0)


@pytest.mark.parametrize(
    ("error", "text", "arguments"),
    [
        (UnknownNameError, "did you mean 'auroc'", {"names": ["aurok"]}),
        (InvalidInputError, "auroc needs class probabilities", {"names": ["auroc"]}),
        (InvalidInputError, "losses and weights", {"names": ["spearman_weight_loss"]}),
        (InvalidInputError, "as long as the truth", {"names": ["mse"], "prediction": [1.0]}),
        (InvalidInputError, "one column per class", {"names": ["ece"], "proba": [[1.0], [1.0]]}),
        (
            InvalidInputError,
            "only classes that are in classes=",
            {"names": ["ece"], "proba": [[0.5, 0.5]] * 2, "classes": [0, 2]},
        ),
    ],
)
def test_bad_input_says_what_to_do(error, text, arguments):
    with pytest.raises(error, match=text):
        evaluate(**{"y": [0, 1], "prediction": [0, 1], **arguments})
