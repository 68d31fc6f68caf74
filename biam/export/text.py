"""A fitted estimator as a formula that can be read aloud."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

from biam.export.plain import as_plain
from biam.reading import Term, term_name

__all__ = ["formula"]


def formula(est: Any, digits: int = 3) -> str:
    """The model as text: a line per term, hinges as max(0, x - knot), gaps beside their curve.

    Parameters
    ----------
    est : BIAMRegressor or BIAMClassifier
        Fitted.
    digits : int
        Significant digits of every number.

    Returns
    -------
    str
        One block per output, its first line the average. Shape functions are centred; a missing
        value has the effect after "missing:" in place of the curve. A pair is a table of its
        effects at the knots, straight lines between them. Terms that are zero are left out.
    """
    model = as_plain(est)
    heads = {
        "identity": ["prediction"],
        "logit": [f"log-odds of {model['classes'][-1]!r}"] if model["classes"] else [],
        "softmax": [f"logit of {label!r}" for label in model["classes"]],
    }[model["link"]]
    blocks = [_block(model, d, head, digits) for d, head in enumerate(heads)]
    links = {
        "identity": "",
        "logit": "probability = 1 / (1 + exp(-log-odds))",
        "softmax": "probability = exp(logit) / sum of exp(logit) over the classes",
    }
    return "\n\n".join([*blocks, *filter(None, [links[model["link"]]])]) + "\n"


def _block(model: dict[str, Any], d: int, head: str, digits: int) -> str:
    features = model["features"]
    names = [feature["name"] for feature in features]
    lines = [f"{head} = {_number(model['intercept'][d], digits)}"]
    for feature in features:
        curve = _curve(feature, feature["effect"], d, digits)
        gap = _number(feature["missing"][d], digits)
        if curve != "0" or gap != "0":
            lines.append(f"  + {feature['name']}: {curve}; missing: {gap}")
    for term in model["interactions"]:
        name = term_name(Term("interaction", term["missing"], term["feature"]), names)
        curve = _curve(features[term["feature"]], term["effect"], d, digits)
        if curve != "0":
            lines.append(f"  + {name}: {curve}")
    for term in model["pairs"]:
        lines.append(f"  + {term_name(Term('pair', term['first'], term['second']), names)}:")
        lines += _surface(features[term["first"]], features[term["second"]], term, d, digits)
    return "\n".join(lines)


def _curve(feature: dict[str, Any], effect: dict[str, Any], d: int, digits: int) -> str:
    name, values = feature["name"], [value[d] for value in effect["values"]]
    if feature["kind"] == "level":
        shown = [_number(value, digits) for value in values]
        if set(shown) == {"0"}:
            return "0"
        return ", ".join(f"{lv} {v}" for lv, v in zip(feature["levels"], shown, strict=True))
    text = _number(values[0], digits)
    if feature["kind"] == "step":
        sizes = [after - before for before, after in pairwise(values)]
    else:
        slopes = [slope[d] for slope in effect["slopes"]]
        sizes = [after - before for before, after in pairwise(slopes)]
    for knot, size in zip(feature["knots"], sizes, strict=True):
        number = _number(size, digits)
        if number != "0":
            sign = "-" if size < 0 else "+"
            text += f" {sign} {number.lstrip('-')} {_hinge(feature['kind'], name, knot, digits)}"
    # A sum that begins with its first hinge.
    return text.removeprefix("0 + ") if text[:4] != "0 - " else f"-{text[4:]}"


def _hinge(kind: str, name: str, knot: float, digits: int) -> str:
    # One digit more: knots may lie close together.
    at = _number(knot, digits + 1)
    if kind == "step":
        return f"[{name} > {at}]"
    return f"max(0, {name} {'+' if knot < 0 else '-'} {at.lstrip('-')})"


def _surface(
    first: dict[str, Any], second: dict[str, Any], term: dict[str, Any], d: int, digits: int
) -> Iterable[str]:
    """Effects at the knots, a row for each of the first feature's."""
    rows, columns = _labels(first, digits), _labels(second, digits)
    table = [["", *columns]]
    for label, line in zip(rows, term["values"], strict=True):
        table.append([label, *(_number(cell[d], digits) for cell in line)])
    if first["kind"] == "hinge":
        # Segment 0 and the first knot have the same value.
        del table[1]
    if second["kind"] == "hinge":
        table = [[line[0], *line[2:]] for line in table]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return ["      " + "  ".join(map(str.rjust, line, widths)) for line in table]


def _labels(feature: dict[str, Any], digits: int) -> Sequence[str]:
    name = feature["name"]
    if feature["kind"] == "level":
        return [f"{name} {level}" for level in feature["levels"]]
    knots = [_number(knot, digits + 1) for knot in feature["knots"]]
    if feature["kind"] == "hinge":
        return ["", *(f"{name} {knot}" for knot in knots)]
    return [f"{name} <= {knots[0]}" if knots else name, *(f"{name} > {knot}" for knot in knots)]


def _number(value: float, digits: int) -> str:
    """Significant digits without an exponent where that is short; "0" for what is next to none."""
    if abs(value) < 1e-12:
        return "0"
    text = f"{value:.{digits}g}"
    return text if "e" not in text or abs(value) < 1e-4 or abs(value) > 1e9 else f"{value:.0f}"
