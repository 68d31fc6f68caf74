"""What can be read from a fitted rival: shape functions of additive ones, strengths of pairs."""

from typing import Any

import numpy as np

from biam.baselines.calibrated import MetaCalibrated
from biam.baselines.extra import load_extra
from biam.baselines.inputs import as_table
from biam.exceptions import InvalidInputError

__all__ = ["has_pairs", "pair_strengths", "shape_values"]


def shape_values(model: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    """Shape functions of NAM, SAM or Lasso at the rows of a table, or at a grid.

    Parameters
    ----------
    model : TableRegressor or TableClassifier
        Fitted.
    X : array-like or DataFrame, shape (n_rows, n_features)

    Returns
    -------
    intercept : ndarray, shape (n_outputs,)
    effects : ndarray, shape (n_rows, n_features, n_outputs)
        Uncentred, in targets' units or logits; a missing indicator counts to its feature.
        ``intercept + effects.sum(1)`` is the model's output.

    Raises
    ------
    InvalidInputError
        The model is not one of these.
    """
    inner = model.estimator_
    Z = model.inputs_.transform(as_table(X))
    if hasattr(inner, "shapes"):
        parts, intercept = inner.shapes(Z), inner.bias_
    elif hasattr(inner, "coef_"):
        coef = np.atleast_2d(inner.coef_)
        parts, intercept = Z[:, :, None] * coef.T, np.atleast_1d(inner.intercept_)
    else:
        raise InvalidInputError(
            f"{type(inner).__name__} has no shape functions: expected NAM, SAM or Lasso."
        )
    effects = np.zeros((len(Z), model.n_features_in_, parts.shape[2]))
    for column, j in enumerate(model.inputs_.sources):
        effects[:, j] += parts[:, column]
    scale, centre = getattr(model, "scale_", 1.0), getattr(model, "centre_", 0.0)
    return centre + scale * intercept, scale * effects


def has_pairs(model: Any) -> bool:
    """Whether `pair_strengths` can read the model."""
    inner = getattr(_fitted(model)[0], "estimator_", None)
    return hasattr(inner, "term_features_") or type(inner).__module__.startswith("catboost")


def pair_strengths(model: Any) -> np.ndarray:
    """Strength of every pair of features in EBM or CatBoost.

    EBM: importance of the pair's term, its mean absolute contribution. CatBoost: its own
    interaction strength, per cent of all.

    Parameters
    ----------
    model : TableRegressor, TableClassifier or MetaCalibrated
        Fitted; of two calibrated models the mean is taken.

    Returns
    -------
    ndarray, shape (n_features, n_features)
        Symmetric, zero on the diagonal and for pairs that the model does not have.

    Raises
    ------
    InvalidInputError
        The model is neither.
    """
    return np.mean([_strengths(fitted) for fitted in _fitted(model)], axis=0)


def _fitted(model: Any) -> list[Any]:
    return model.models_ if isinstance(model, MetaCalibrated) else [model]


def _strengths(model: Any) -> np.ndarray:
    if not has_pairs(model):
        name = type(model).__name__
        raise InvalidInputError(f"{name} has no pair strengths: expected EBM or CatBoost.")
    inner = model.estimator_
    strengths = np.zeros((len(model.inputs_.sources),) * 2)
    if hasattr(inner, "term_features_"):
        for term, size in zip(inner.term_features_, inner.term_importances(), strict=True):
            if len(term) == 2:
                strengths[term] += size
    else:
        load_extra("catboost")
        for j, k, size in inner.get_feature_importance(type="Interaction"):
            strengths[int(j), int(k)] += size
    # Columns made from one feature count to it; a pair of them is no pair.
    owner = np.eye(model.n_features_in_)[model.inputs_.sources]
    joined = owner.T @ (strengths + strengths.T) @ owner
    np.fill_diagonal(joined, 0)
    return joined
