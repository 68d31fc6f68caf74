"""A fitted estimator as one SELECT in standard SQL."""

from typing import Any

from biam.export.plain import as_plain

__all__ = ["to_sql"]

Term = dict[str, Any]


def to_sql(est: Any, table: str, *, key: str | None = None) -> str:
    """One SELECT that predicts every row of a table; NULL is a missing value.

    Parameters
    ----------
    est : BIAMRegressor or BIAMClassifier
        Fitted.
    table : str
        Table or view with the columns of the training table, by their names.
    key : str, optional
        A column that is carried along, to tell rows apart.

    Returns
    -------
    str
        Regression: a column "prediction". Classes: "probability CLASS" for each class; needs the
        function EXP. A category that was not in the training rows counts as missing with
        ``handle_unknown="missing"``, else the whole row's answer is NULL.
    """
    model = as_plain(est)
    carried = "" if key is None else f"{_name(key)}, "
    totals = [_total(model, d) for d in range(len(model["intercept"]))]
    if model["link"] == "identity":
        return f'SELECT {carried}{totals[0]} AS "prediction" FROM {_name(table)}'
    inner = ", ".join(f"{total} AS f{d}" for d, total in enumerate(totals))
    if model["link"] == "logit":
        chances = ["1.0 / (1.0 + EXP(f0))", "1.0 / (1.0 + EXP(-f0))"]
    else:
        outputs = range(len(totals))
        sums = [" + ".join(f"EXP(f{k} - f{d})" for k in outputs) for d in outputs]
        chances = [f"1.0 / ({total})" for total in sums]
    columns = ", ".join(
        f"{chance} AS {_name(f'probability {label}')}"
        for chance, label in zip(chances, model["classes"], strict=True)
    )
    return f"SELECT {carried}{columns} FROM (SELECT {carried}{inner} FROM {_name(table)}) AS f"


def _total(model: Term, d: int) -> str:
    features = model["features"]
    parts = [_number(model["intercept"][d])]
    parts += [_curve(f, f["effect"], d, gap=_number(f["missing"][d])) for f in features]
    for term in model["interactions"]:
        curve = _curve(features[term["feature"]], term["effect"], d, gap="0.0")
        parts.append(f"CASE WHEN {_is_gap(features[term['missing']])} THEN {curve} ELSE 0.0 END")
    for term in model["pairs"]:
        parts.append(_surface(features[term["first"]], features[term["second"]], term, d))
    return _sum(parts)


def _curve(feature: Term, effect: Term, d: int, *, gap: str) -> str:
    """A CASE over the segments of one feature; `gap` where its value is missing."""
    pairs = zip(effect["values"], effect["slopes"], strict=True)
    return _cases(
        feature,
        [
            _line(_number(value[d]), slope[d], _from(feature, s))
            for s, (value, slope) in enumerate(pairs)
        ],
        gap,
    )


def _surface(first: Term, second: Term, term: Term, d: int) -> str:
    """CASEs over the segments of one feature, inside each those of the other."""
    rows = []
    for s in range(len(term["values"])):
        cells = []
        for t in range(len(term["values"][0])):
            value, a, b, twist = (
                term[name][s][t][d]
                for name in ("values", "first_slopes", "second_slopes", "twists")
            )
            x, z = _from(first, s), _from(second, t)
            along = _line(_line(_number(value), a, x), b, z)
            cells.append(f"{along} + {_number(twist)} * {x} * {z}" if twist else along)
        rows.append(_cases(second, cells, "0.0"))
    return _cases(first, rows, "0.0")


def _cases(feature: Term, answers: list[str], gap: str) -> str:
    """One answer per segment or level, and `gap`."""
    name = _name(feature["name"])
    whens = [f"WHEN {name} IS NULL THEN {gap}"]
    if feature["kind"] == "level":
        whens += [
            f"WHEN {name} = {_literal(level)} THEN {answer}"
            for level, answer in zip(feature["levels"], answers, strict=True)
        ]
        return f"CASE {' '.join(whens)} ELSE {_unknown(feature, gap)} END"
    whens += [
        f"WHEN {name} <= {_number(knot)} THEN {answer}"
        for knot, answer in zip(feature["knots"], answers[:-1], strict=True)
    ]
    return f"CASE {' '.join(whens)} ELSE {answers[-1]} END"


def _unknown(feature: Term, gap: str) -> str:
    return gap if feature["unknown"] == "missing" else "NULL"


def _is_gap(feature: Term) -> str:
    name = _name(feature["name"])
    if feature["kind"] == "level" and feature["unknown"] == "missing":
        known = ", ".join(map(_literal, feature["levels"]))
        return f"({name} IS NULL OR {name} NOT IN ({known}))"
    return f"{name} IS NULL"


def _from(feature: Term, segment: int) -> str:
    """Distance from where a segment begins."""
    if not feature["knots"]:
        return "0.0"
    return f"({_name(feature['name'])} - {_number(feature['knots'][max(segment - 1, 0)])})"


def _line(value: str, slope: float, distance: str) -> str:
    return f"{value} + {_number(slope)} * {distance}" if slope else value


def _sum(parts: list[str]) -> str:
    """A balanced sum: databases bound the depth of an expression."""
    if len(parts) == 1:
        return parts[0] if parts[0].startswith("CASE") else f"({parts[0]})"
    half = len(parts) // 2
    return f"({_sum(parts[:half])} + {_sum(parts[half:])})"


def _number(value: float) -> str:
    """A number that comes back to the last bit; negative ones in brackets."""
    text = repr(float(value))
    return f"({text})" if value < 0 else text


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    return "'" + str(value).replace("'", "''") + "'"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
