"""Label noise, class imbalance and missing values, put into clean arrays on purpose.

All functions leave their inputs alone, draw only from `random_state`, and report what they did in a
boolean `mask` (True = corrupted or missing), so that a test or a figure can tell hit rows from
clean ones.
"""

from collections.abc import Sequence
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer, check_number, check_rate

__all__ = ["Corrupted", "flip_labels", "imbalance", "mask_values", "shift_labels"]

RandomState = int | np.random.Generator | None

# Halving this often takes any bracket below the spacing of doubles.
_BISECTIONS = 80
# Beyond this a sigmoid is a step, and products with it could overflow.
_STEEPEST = 1000.0


class Corrupted(NamedTuple):
    """What a corruption returns; unpacks as ``values, mask = ...``.

    Parameters
    ----------
    values : ndarray, shape of the input
        The input with the corruption applied.
    mask : ndarray of bool, shape of the input
        True where this call corrupted or hid an entry.
    """

    values: np.ndarray
    mask: NDArray[np.bool_]


def flip_labels(
    y: ArrayLike, rate: float, *, kind: str = "uniform", random_state: RandomState = None
) -> Corrupted:
    """Give exactly ``round(rate * n)`` rows a wrong class.

    Parameters
    ----------
    y : array-like, shape (n,)
        Class labels: integers, booleans or strings.
    rate : float
        Share of rows to change, in [0, 1]; halves round to the even count.
    kind : {"uniform", "pair"}
        "uniform" draws any other class with equal chance; "pair" takes the next class in sorted
        order, the last going to the first.
    random_state : int, Generator or None
        Source of all randomness.

    Returns
    -------
    Corrupted
        `values` has the dtype of `y`; `mask` is True exactly where the label changed.

    Raises
    ------
    InvalidInputError
        `rate`, `kind` or `random_state` is not valid, `y` is not a non-empty vector of labels, or
        labels must change and there is one class only.
    """
    labels = _check_labels(y)
    count = round(check_rate("rate", rate) * labels.size)
    check_choice("kind", kind, ("uniform", "pair"))
    rng = _generator(random_state)
    classes, codes = np.unique(labels, return_inverse=True)
    if count and classes.size < 2:
        raise InvalidInputError(
            f"y must hold at least 2 classes to flip labels, got only {classes[0]}; use rate=0."
        )
    rows = rng.choice(labels.size, size=count, replace=False)
    # A step of 1 .. K-1 round the sorted classes reaches every class but the own one.
    step = rng.integers(1, classes.size, size=count) if count and kind == "uniform" else 1
    values = labels.copy()
    values[rows] = classes[(codes[rows] + step) % classes.size]
    return Corrupted(values, _rows_mask(labels.size, rows))


def shift_labels(
    y: ArrayLike,
    rate: float,
    *,
    loc: float = 1.0,
    scale: float = 0.5,
    random_state: RandomState = None,
) -> Corrupted:
    """Add a normal shift to the target of exactly ``round(rate * n)`` rows.

    Parameters
    ----------
    y : array-like, shape (n,)
        Finite regression targets.
    rate : float
        Share of rows to shift, in [0, 1]; halves round to the even count.
    loc, scale : float
        Mean and standard deviation of the shift, in units of `y`; `scale` at least 0.
    random_state : int, Generator or None
        Source of all randomness.

    Returns
    -------
    Corrupted
        `values` are float64; `mask` is True for the shifted rows.

    Raises
    ------
    InvalidInputError
        A parameter is out of range or `y` is not a non-empty vector of finite numbers.
    """
    targets = _check_numeric("y", y, ndim=1)
    if np.isnan(targets).any():
        raise InvalidInputError("y must be finite, got NaN; drop rows without a target first.")
    count = round(check_rate("rate", rate) * targets.size)
    loc, scale = check_number("loc", loc), check_number("scale", scale, low=0.0)
    rng = _generator(random_state)
    rows = rng.choice(targets.size, size=count, replace=False)
    values = targets.copy()
    values[rows] += rng.normal(loc, scale, size=count)
    return Corrupted(values, _rows_mask(targets.size, rows))


def imbalance(
    y: ArrayLike, ratio: float, *, random_state: RandomState = None
) -> NDArray[np.integer]:
    """Choose rows so that the rarest class has `ratio` times the rows of the most common one.

    With two classes the rarer one is thinned, or the common one where the data are more imbalanced
    than `ratio` already. With more classes the sizes fall geometrically (a long tail), in the order
    of the sizes at hand, equal sizes in sorted order of the labels. As many rows are kept as those
    proportions allow.

    Parameters
    ----------
    y : array-like, shape (n,)
        Class labels: integers, booleans or strings.
    ratio : float
        Rarest to most common count, in (0, 1]; met up to rounding to whole rows.
    random_state : int, Generator or None
        Source of all randomness.

    Returns
    -------
    ndarray of int, shape (n_kept,)
        Kept row positions in ascending order: ``X[kept], y[kept]``.

    Raises
    ------
    InvalidInputError
        `ratio` or `random_state` is not valid, `y` has fewer than 2 classes, or a class would be
        left without rows.
    """
    labels = _check_labels(y)
    ratio = check_number("ratio", ratio, low=0.0, high=1.0, open_low=True)
    rng = _generator(random_state)
    classes, codes, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    if classes.size < 2:
        raise InvalidInputError(f"y must hold at least 2 classes, got only {classes[0]}.")
    wanted = _long_tail(sizes, ratio)
    if wanted.min() < 1:
        empty = classes[wanted.argmin()]
        raise InvalidInputError(
            f"ratio must leave every class at least one row, got {ratio:g}, which leaves class "
            f"{empty} with none; use a larger ratio or more rows."
        )
    kept = [
        rng.choice(np.flatnonzero(codes == code), size=size, replace=False)
        for code, size in enumerate(wanted)
    ]
    return np.sort(np.concatenate(kept))


def mask_values(
    X: ArrayLike,
    rate: float,
    *,
    mechanism: str = "mcar",
    columns: Sequence[int] | None = None,
    slope: float = 1.5,
    random_state: RandomState = None,
) -> Corrupted:
    """Hide values of `X` completely at random, at random, or not at random.

    Each given entry is hidden by a coin of its own, with chance `rate` for "mcar" and
    ``sigmoid(slope * z + intercept)`` otherwise; z is a standardised column of the original `X`:
    the column itself for "mnar", the next one for "mar" (for the last, the first; gaps count as 0).
    The intercept makes the chances of each column average to `rate`: the expected share is exact,
    the realised count binomial or Poisson-binomial. With one seed, a higher rate hides a superset.

    Parameters
    ----------
    X : array-like, shape (n, p)
        Numbers; NaN = already missing, and neither hidden again nor counted in the rate.
    rate : float
        Expected share of the given entries to hide in each chosen column, in [0, 1].
    mechanism : {"mcar", "mar", "mnar"}
        What the chance to be hidden depends on: nothing, the next column, the value itself.
    columns : sequence of int or None
        Positions to hide values in; None = all. "mar" is missing at random in the strict sense
        only where the next column is not among them, since a hidden driver cannot be seen.
    slope : float
        Steepness per standard deviation, in [-1000, 1000]; above 0 hides large values more often.
    random_state : int, Generator or None
        Source of all randomness. An integer seeds `default_rng`: data drawn from the same seed
        would share its draws with the mask, so use another.

    Returns
    -------
    Corrupted
        `values` is float64 with NaN at the hidden entries; `mask`, shape (n, p), is True for newly
        hidden entries only.

    Raises
    ------
    InvalidInputError
        A parameter is out of range, `X` is not a non-empty matrix of numbers without infinities,
        or "mar" meets a single column.
    """
    values = _check_numeric("X", X, ndim=2)
    rate = check_rate("rate", rate)
    check_choice("mechanism", mechanism, ("mcar", "mar", "mnar"))
    slope = check_number("slope", slope, low=-_STEEPEST, high=_STEEPEST)
    rng = _generator(random_state)
    chosen = _check_columns(columns, values.shape[1])
    given = ~np.isnan(values)
    chance = np.zeros(values.shape)
    for column in chosen:
        score = slope * _driver(values, column, mechanism)
        chance[:, column] = _chances(score, rate, given[:, column])
    mask = (rng.random(values.shape) < chance) & given
    return Corrupted(np.where(mask, np.nan, values), mask)


def _long_tail(sizes: NDArray[np.integer], ratio: float) -> NDArray[np.integer]:
    """Rows to keep per class, shape (K,): the largest geometric tail that fits in `sizes`."""
    rank = np.empty(sizes.size)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(sizes.size)
    share = ratio ** (rank / (sizes.size - 1))
    # A vanishing share overflows to infinity and loses the minimum, as it should.
    with np.errstate(over="ignore", divide="ignore"):
        head = np.min(sizes / share)
    # Rounding up may ask for one row more than there is, where head is sizes / share itself.
    return np.minimum(np.rint(head * share).astype(int), sizes)


def _driver(values: NDArray[np.float64], column: int, mechanism: str) -> NDArray[np.float64]:
    """What the chance to be hidden depends on in `column`, per row, shape (n,)."""
    if mechanism == "mcar":
        return np.zeros(len(values))
    if mechanism == "mnar":
        return _standardise(values[:, column])
    if values.shape[1] < 2:
        raise InvalidInputError(
            "X must have at least 2 columns for mechanism='mar', got 1; use 'mcar' or 'mnar'."
        )
    return _standardise(values[:, (column + 1) % values.shape[1]])


def _chances(
    score: NDArray[np.float64], rate: float, given: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Chance per row, shape (n,): sigmoid(score + intercept) with mean `rate` over `given` rows."""
    if rate in (0.0, 1.0) or not given.any() or np.ptp(score[given]) == 0.0:
        return np.full(score.shape, rate)
    centre = np.log(rate) - np.log1p(-rate)
    # At these ends every chance lies on one side of the rate, so its mean does too.
    low, high = centre - score[given].max(), centre - score[given].min()
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _sigmoid(score[given] + middle).mean() < rate:
            low = middle
        else:
            high = middle
    return _sigmoid(score + (low + high) / 2)


def _sigmoid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    # The tanh form cannot overflow, whatever the slope.
    return 0.5 * (1.0 + np.tanh(x / 2.0))


def _standardise(column: NDArray[np.float64]) -> NDArray[np.float64]:
    """Zero mean and unit variance over the given rows; gaps, and constant columns, become 0."""
    given = column[~np.isnan(column)]
    # Equality first: rounding gives a constant column a tiny spread, which would blow up to noise.
    if given.size == 0 or given.max() == given.min():
        return np.zeros(column.shape)
    # Values near the largest double would overflow in the variance.
    unit = np.abs(given).max()
    given, column = given / unit, column / unit
    spread = given.std()
    if spread == 0.0:
        return np.zeros(column.shape)
    return np.nan_to_num((column - given.mean()) / spread, nan=0.0)


def _rows_mask(n: int, rows: NDArray[np.integer]) -> NDArray[np.bool_]:
    mask = np.zeros(n, dtype=bool)
    mask[rows] = True
    return mask


def _generator(random_state: RandomState) -> np.random.Generator:
    """Generator of `random_state`; an existing one is used, and advanced, as it is."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    whole = isinstance(random_state, Integral) and not isinstance(random_state, bool)
    if random_state is None or (whole and random_state >= 0):
        return np.random.default_rng(random_state)
    raise InvalidInputError(
        "random_state must be None, an integer of at least 0 or a numpy Generator, "
        f"got {random_state!r}."
    )


def _check_shape(name: str, values: np.ndarray, ndim: int) -> None:
    kind = {1: "a vector (1-D)", 2: "a matrix (2-D)"}[ndim]
    if values.ndim != ndim:
        raise InvalidInputError(f"{name} must be {kind}, got an array of shape {values.shape}.")
    if values.size == 0:
        raise InvalidInputError(f"{name} must not be empty, got shape {values.shape}.")


def _check_labels(y: ArrayLike) -> np.ndarray:
    """`y` as a vector of labels that can be sorted and told apart."""
    labels = np.asarray(y)
    _check_shape("y", labels, 1)
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.rint(labels)):
        raise InvalidInputError(
            "y must hold class labels, got fractions or NaN; use shift_labels for regression."
        )
    try:
        sane = labels.dtype.kind != "O" or bool(np.all(labels == labels))
        np.sort(labels)
    except TypeError as error:
        raise InvalidInputError(
            f"y must hold labels of one kind without gaps, got a mixture ({error})."
        ) from error
    if not sane:
        raise InvalidInputError("y must hold labels without gaps, got NaN; drop those rows first.")
    return labels


def _check_numeric(name: str, values: ArrayLike, *, ndim: int) -> NDArray[np.float64]:
    """`values` as float64 of `ndim` dimensions, NaN allowed and infinities not."""
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"{name} must hold numbers, got values that are not ({error}); encode categories first."
        ) from error
    _check_shape(name, numbers, ndim)
    if np.isinf(numbers).any():
        raise InvalidInputError(f"{name} must not hold infinities; write gaps as NaN.")
    return numbers


def _check_columns(columns: Sequence[int] | None, width: int) -> list[int]:
    """Distinct column positions in [0, width)."""
    if columns is None:
        return list(range(width))
    if isinstance(columns, str) or not np.iterable(columns):
        raise InvalidInputError(f"columns must be a sequence of positions, got {columns!r}.")
    chosen = [check_integer("columns", column, low=0, high=width - 1) for column in columns]
    if len(set(chosen)) < len(chosen):
        raise InvalidInputError(f"columns must name each column once, got {chosen}.")
    return chosen
