"""Reading a fitted concept model: its concepts, its monomials, the shape functions of its features.

`est` is a fitted `BATMRegressor` or `BATMClassifier`. Coefficients and effects are in units of `y`
(regression) or on the logit scale (binary: log-odds of the second class). Source: CAT, arXiv
2406.17931: coefficients of merged entries, and |coefficient| std(monomial) / std(output).
"""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import torch
from sklearn.utils.validation import check_is_fitted

__all__ = ["concepts", "monomials", "shape_functions"]


def monomials(est: Any) -> pd.DataFrame:
    """All products of concepts, strongest first: term, order, coefficient, contribution, class.

    `contribution` is |coefficient| std(monomial) / std(output) over a sample of training rows.
    """
    check_is_fitted(est)
    products, coefficients, sizes = _products(est)
    names = est.concept_names_
    frames = [
        pd.DataFrame(
            {
                "term": [" × ".join(names[c] for c in which) for which in products],
                "order": [len(which) for which in products],
                "coefficient": coefficients[:, d],
                "contribution": sizes[:, d],
            }
        ).assign(**({} if output is None else {"class": output}))
        for d, output in enumerate(_outputs(est))
    ]
    table = pd.concat(frames, ignore_index=True)
    return table.sort_values("contribution", ascending=False, ignore_index=True, kind="stable")


def concepts(est: Any) -> pd.DataFrame:
    """The concepts, most important first: concept, features, importance, norm.

    A monomial's contribution, meaned over the outputs, is shared evenly by its concepts; shares of
    the sum. `norm` is that of the concept's entries in the input factors: 0 where it dropped out.
    """
    check_is_fitted(est)
    products, _, sizes = _products(est)
    share = np.zeros(len(est.concept_names_))
    for which, size in zip(products, sizes.mean(1), strict=True):
        for c in which:
            share[c] += size / len(which)
    total = share.sum()
    norms = est.model_.layout.split(est.w_)["inputs"].norm(dim=(0, 1)).numpy()
    table = pd.DataFrame(
        {
            "concept": est.concept_names_,
            "features": [", ".join(features) for features in est.groups_],
            "importance": share / total if total > 0 else share,
            "norm": norms,
        }
    )
    return table.sort_values("importance", ascending=False, ignore_index=True, kind="stable")


def shape_functions(est: Any) -> pd.DataFrame:
    """Each feature through its concept: concept, feature, x, z, effect, class.

    The other features of the group stay at their median, or most common level. `effect` is that of
    the powers of z alone, centred over a sample of training rows: a straight line in z for order
    one; products with other concepts are in `monomials`.
    """
    check_is_fitted(est)
    powers = _powers(est)
    encoder = est.inputs_.encoder
    frames = []
    for c, features in enumerate(est.groups_):
        for feature in features:
            rows, x = _rows_along(est, encoder.names.index(feature))
            z = est.concept_values(rows)[:, c]
            effect = _polynomial(powers[c], z) - _polynomial(powers[c], est.sample_[:, c]).mean(0)
            for d, output in enumerate(_outputs(est)):
                columns = {"concept": est.concept_names_[c], "feature": feature, "x": x, "z": z}
                extra = {} if output is None else {"class": output}
                frames.append(pd.DataFrame(columns | {"effect": effect[:, d]} | extra))
    return pd.concat(frames, ignore_index=True)


def _products(est: Any) -> tuple[list[tuple[int, ...]], np.ndarray, np.ndarray]:
    """Monomials without the constant, their coefficients and contributions, shape (M, d)."""
    model, z = est.model_, est.sample_
    merged = model.head.monomials(model.layout.split(est.w_))
    del merged[()]
    coefficients = np.stack([part.numpy() for part in merged.values()])
    spreads = np.array([np.prod(z[:, which], axis=1).std() for which in map(list, merged)])
    output = model.head.trace(model.layout.split(est.w_), torch.as_tensor(z)).f.numpy().std(0)
    # A constant output is explained by nothing.
    safe = np.where(output > 0, output, np.inf)
    sizes = np.abs(coefficients) * spreads[:, None] / safe
    return list(merged), coefficients * getattr(est, "y_scale_", 1.0), sizes


def _powers(est: Any) -> list[np.ndarray]:
    """Per concept, coefficients of z, z^2, .. in the output, shape (N, d)."""
    products, coefficients, _ = _products(est)
    place = {which: i for i, which in enumerate(products)}
    orders = est.model_.head.orders
    return [
        np.stack([coefficients[place[(c,) * k]] for k in orders])
        for c in range(len(est.concept_names_))
    ]


def _polynomial(coefficients: np.ndarray, z: np.ndarray) -> np.ndarray:
    powers = np.stack([z**k for k in range(1, len(coefficients) + 1)], 1)
    return powers @ coefficients


def _rows_along(est: Any, j: int) -> tuple[np.ndarray, np.ndarray]:
    """A table whose column j runs over its quantiles or levels, and these values."""
    encoder = est.inputs_.encoder
    known = [known[int(code)] if known else code for known, code in _typical(est)]
    levels = encoder.categories[j]
    x = np.array(levels, dtype=object) if levels else _steps(est.grid_[j])
    rows = np.empty((len(x), len(known)), dtype=object)
    rows[:] = known
    rows[:, j] = x
    return rows, x


def _typical(est: Any) -> list[tuple[Any, float]]:
    return list(zip(est.inputs_.encoder.categories, est.reference_, strict=True))


def _steps(grid: np.ndarray) -> np.ndarray:
    """The quantiles without repetitions."""
    return np.array([grid[0], *(b for a, b in pairwise(grid) if b > a)])


def _outputs(est: Any) -> list[Any]:
    classes = getattr(est, "classes_", ())
    return list(classes) if len(classes) > 2 else [None]
