"""Evaluate an exported model on one row, with nothing but the math module.

`to_python` writes this file into its answer as it stands. A row is a mapping from column name to
value; None or NaN where a value is missing. `model` is the dict of `biam.export.plain`.
"""

import math


def outputs(model: dict, row: dict) -> list[float]:
    """Prediction (regression), log-odds of the second class, or a logit per class."""
    features = model["features"]
    places = [_place(feature, row[feature["name"]]) for feature in features]
    total = list(model["intercept"])
    for feature, place in zip(features, places, strict=True):
        _add(total, feature["missing"] if place is None else _curve(feature["effect"], place))
    for term in model["interactions"]:
        place = places[term["feature"]]
        if places[term["missing"]] is None and place is not None:
            _add(total, _curve(term["effect"], place))
    for term in model["pairs"]:
        first, second = places[term["first"]], places[term["second"]]
        if first is not None and second is not None:
            _add(total, _surface(term, first, second))
    return total


def predict_proba(model: dict, row: dict) -> list[float]:
    """Probability of each class, in the order of ``model["classes"]``."""
    f = outputs(model, row)
    if model["link"] == "logit":
        f = [0.0, *f]
    e = [math.exp(x - max(f)) for x in f]
    return [x / sum(e) for x in e]


def predict(model: dict, row: dict) -> object:
    """Predicted number, or the most likely class."""
    f = outputs(model, row)
    if model["link"] == "identity":
        return f[0]
    best = int(f[0] > 0) if model["link"] == "logit" else f.index(max(f))
    return model["classes"][best]


def _place(feature: dict, value: float | str | None) -> tuple[int, float] | None:
    """Segment of a value and its distance from where that begins; None where it is missing."""
    if value is None or value != value:
        return None
    if feature["kind"] == "level":
        if value in feature["levels"]:
            return feature["levels"].index(value), 0.0
        if feature["unknown"] == "missing":
            return None
        raise ValueError(f"{feature['name']} has the unknown category {value!r}")
    x, knots = float(value), feature["knots"]
    if math.isinf(x):
        raise ValueError(f"{feature['name']} is infinite")
    segment = sum(x > knot for knot in knots)
    return segment, x - knots[max(segment - 1, 0)] if knots else 0.0


def _curve(effect: dict, place: tuple[int, float]) -> list[float]:
    segment, x = place
    both = zip(effect["values"][segment], effect["slopes"][segment], strict=True)
    return [value + slope * x for value, slope in both]


def _surface(term: dict, first: tuple[int, float], second: tuple[int, float]) -> list[float]:
    (j, x), (k, z) = first, second
    cells = [term[name][j][k] for name in ("values", "first_slopes", "second_slopes", "twists")]
    return [v + a * x + b * z + t * x * z for v, a, b, t in zip(*cells, strict=True)]


def _add(total: list[float], part: list[float]) -> None:
    for i, value in enumerate(part):
        total[i] += value
