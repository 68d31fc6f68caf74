"""A fitted estimator as numbers and text only: what every export is written from.

Everything is in the units of the data. A feature cuts its values into segments at its knots
(x <= k_0, then beyond each knot) or levels; in a segment that begins at o, an effect is
value + slope (x - o), and a pair is value + a (x - o) + b (z - p) + t (x - o) (z - p).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted

from biam.exceptions import InvalidInputError
from biam.export import evaluator
from biam.reading import scaled

__all__ = ["Formula", "as_plain", "from_json", "to_json"]

FORMAT = "biam-formula-1"
KEYS = {"format", "link", "classes", "intercept", "features", "interactions", "pairs"}


@dataclass(frozen=True)
class Formula:
    """An exported model that can be evaluated, row by row.

    Parameters
    ----------
    model : dict
        Plain numbers and text (`as_plain`).
    """

    model: dict[str, Any]

    def outputs(self, rows: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """Predictions, log-odds of the second class, or logits; shape (n_rows, n_outputs).

        Parameters
        ----------
        rows : iterable of mapping
            Column name to value; None or NaN where missing: ``X.to_dict("records")``.
        """
        return np.array([evaluator.outputs(self.model, dict(row)) for row in rows])

    def predict(self, rows: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """Predicted numbers or classes, shape (n_rows,)."""
        return np.array([evaluator.predict(self.model, dict(row)) for row in rows])

    def predict_proba(self, rows: Iterable[Mapping[str, Any]]) -> np.ndarray:
        """Class probabilities, shape (n_rows, n_classes)."""
        return np.array([evaluator.predict_proba(self.model, dict(row)) for row in rows])


def as_plain(est: Any) -> dict[str, Any]:
    """A fitted estimator as a dict of numbers, text, lists and dicts.

    Parameters
    ----------
    est : BIAMRegressor or BIAMClassifier

    Returns
    -------
    dict
        format; link ("identity", "logit" or "softmax"); classes; intercept, a number per output;
        features: name, kind, knots or levels, what an `unknown` level does, effect (values and
        slopes per segment and output) and `missing` (the effect of a missing value); interactions:
        missing, feature (numbers of features) and effect; pairs: first, second, values,
        first_slopes, second_slopes, twists (per segment, segment and output). Shape functions are
        centred as in `est.shape_functions_`.

    Raises
    ------
    InvalidInputError
        The model has coefficients that are not finite.
    """
    check_is_fitted(est)
    if not bool(torch.isfinite(est.w_).all()):
        raise InvalidInputError("the model's coefficients are not finite: its fit diverged.")
    named = {name: np.asarray(part, float) for name, part in est.coefficients_.items()}
    parts = [_Segments.of(est, j) for j in range(est.model_.basis.n_features)]
    classes = [_item(label) for label in getattr(est, "classes_", [])]
    intercept = scaled(est, (named["beta0"] + est.centres_.sum(0))[None])
    return {
        "format": FORMAT,
        "link": "identity" if not classes else "logit" if len(classes) == 2 else "softmax",
        "classes": classes,
        "intercept": (intercept[0] + getattr(est, "y_centre_", 0.0)).tolist(),
        "features": [_feature(est, j, part, named) for j, part in enumerate(parts)],
        "interactions": _interactions(est, parts, named),
        "pairs": _pairs(est, parts, named),
    }


def to_json(est: Any, *, indent: int | None = None) -> str:
    """A fitted estimator as JSON text; see `as_plain` for its keys.

    Numbers are written so that they come back to the last bit; labels and levels are text,
    numbers or booleans, as they were.
    """
    return json.dumps(as_plain(est), indent=indent, allow_nan=False, ensure_ascii=False)


def from_json(text: str) -> Formula:
    """The model that `to_json` wrote.

    Raises
    ------
    InvalidInputError
        Not the work of `to_json`.
    """
    try:
        model = json.loads(text)
    except ValueError as error:
        raise InvalidInputError(f"this is no JSON: {error}.") from None
    if not isinstance(model, dict) or KEYS - set(model) or model["format"] != FORMAT:
        raise InvalidInputError(
            f"this JSON was not written by to_json: expected format {FORMAT!r} and the keys "
            f"{', '.join(sorted(KEYS))}."
        )
    return Formula(model)


@dataclass(frozen=True)
class _Segments:
    """Basis columns at the beginning of each segment and their slopes there, (n_segments, q)."""

    columns: np.ndarray
    slopes: np.ndarray
    knots: list[float]
    coefficients: slice

    @classmethod
    def of(cls, est: Any, j: int) -> "_Segments":
        basis, c = est.model_.basis.features[j], est.model_.basis.slices[j]
        own, scale, centre = slice(c.start - 1, c.stop - 1), *_units(est, j)
        z = basis.knots.double()
        q, knots, slopes = len(z), [], np.zeros((max(len(z), 1), len(z)))
        if basis.kind != "level":
            # Segment 0 has the value at the first knot; segment s begins at knot s - 1.
            first = z[:1] if q else z.new_zeros(1)
            begins = z if basis.kind == "hinge" else torch.nextafter(z, z + 1)
            z, slopes = torch.cat([first, begins]), np.zeros((q + 1, q))
            knots = (basis.knots.double().numpy() * scale + centre).tolist()
        if basis.kind == "hinge":
            slopes = np.tri(q + 1, q, -1) / scale
        if basis.kind == "step":
            knots = [
                _threshold(k, float(b), scale, centre)
                for k, b in zip(knots, basis.knots, strict=True)
            ]
        columns = basis.columns(z.to(basis.knots.dtype)).double().numpy()
        return cls(columns, slopes, knots, own)

    def curve(self, est: Any, coefficients: np.ndarray, less: Any = 0.0) -> dict[str, Any]:
        """Values and slopes of one effect, coefficients (q, d), per segment and output."""
        values = scaled(est, self.columns @ coefficients - less)
        return {
            "values": values.tolist(),
            "slopes": scaled(est, self.slopes @ coefficients).tolist(),
        }


def _feature(est: Any, j: int, part: _Segments, named: dict[str, np.ndarray]) -> dict[str, Any]:
    levels = est.encoder_.categories[j]
    centre = est.centres_[j]
    return {
        "name": est.encoder_.names[j],
        "kind": est.model_.basis.features[j].kind,
        "knots": part.knots,
        "levels": [_item(level) for level in levels or []],
        "unknown": est.encoder_.handle_unknown,
        "effect": part.curve(est, named["beta"][part.coefficients], centre),
        "missing": scaled(est, (named["beta_miss"][j] - centre)[None])[0].tolist(),
    }


def _interactions(
    est: Any, parts: list[_Segments], named: dict[str, np.ndarray]
) -> list[dict[str, Any]]:
    terms = []
    for j in range(len(parts) if "alpha" in named else 0):
        for k, part in enumerate(parts):
            alpha = named["alpha"][part.coefficients, j]
            # A value that is missing has no curve of its own.
            if j != k and alpha.any():
                terms.append({"missing": j, "feature": k, "effect": part.curve(est, alpha)})
    return terms


def _pairs(est: Any, parts: list[_Segments], named: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    model, terms = est.model_, []
    for (j, k), block in zip(model.pairs, model.pair_slices, strict=True):
        shape = (parts[j].columns.shape[1], parts[k].columns.shape[1], -1)
        gamma = named["surfaces"][block].reshape(shape)
        terms.append(_pair(est, (j, k), parts, gamma, model.centres.double().numpy()))
    if "gates" in named:
        gates = (named["gates"] + named["gates"].transpose(1, 0, 2)) / 2
        none = np.zeros(model.basis.n_columns)
        for j, k in zip(*np.triu_indices(len(parts), 1), strict=True):
            a, b = (named["factors"][parts[i].coefficients] for i in (j, k))
            gamma = gates[j, k] * np.einsum("srd,trd->std", a, b)
            terms.append(_pair(est, (int(j), int(k)), parts, gamma, none))
    return [term for term in terms if term is not None]


def _pair(
    est: Any,
    pair: tuple[int, int],
    parts: list[_Segments],
    gamma: np.ndarray,
    centres: np.ndarray,
) -> dict[str, Any] | None:
    if not gamma.any():
        return None
    first, second = (parts[j] for j in pair)
    x, z = (part.columns - centres[part.coefficients] for part in (first, second))

    def cells(a: np.ndarray, b: np.ndarray) -> list[Any]:
        grid = np.einsum("as,std,bt->abd", a, gamma, b)
        flat = scaled(est, grid.reshape(-1, grid.shape[2]))
        return flat.reshape(*grid.shape[:2], -1).tolist()

    return {
        "first": pair[0],
        "second": pair[1],
        "values": cells(x, z),
        "first_slopes": cells(first.slopes, z),
        "second_slopes": cells(x, second.slopes),
        "twists": cells(first.slopes, second.slopes),
    }


def _units(est: Any, j: int) -> tuple[float, float]:
    return float(est.encoder_.scale[j]), float(est.encoder_.centre[j])


def _threshold(guess: float, knot: float, scale: float, centre: float) -> float:
    """The largest x in the units of the data that is not beyond the knot, to the last bit."""
    while (guess - centre) / scale > knot:
        guess = float(np.nextafter(guess, -np.inf))
    while (float(np.nextafter(guess, np.inf)) - centre) / scale <= knot:
        guess = float(np.nextafter(guess, np.inf))
    return guess


def _item(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
