"""Tables that come in chunks of rows: from a function, from files mapped into memory, from Dask.

Whatever is learned of such a table is a sum over its rows, or a list of numbers by chunk. A source
says how the chunks are gone through, here one after another, with Dask where they are.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from biam.exceptions import InvalidInputError

__all__ = ["ArrayChunks", "Chunks", "DaskChunks", "as_chunks"]

ROWS = 65_536
# A mapped array of fewer rows is read whole, as any other.
MANY_ROWS = 250_000
Chunk = tuple[Any, Any, Any]
Work = Callable[..., Any]


class Chunks:
    """A table whose chunks of rows are made anew for every pass.

    Parameters
    ----------
    make : callable
        Takes nothing and returns an iterable of chunks (X, y) or (X, y, sample_weight), arrays or
        data frames, the same ones in the same order at every call.

    Examples
    --------
    >>> import numpy as np
    >>> from biam import BIAMRegressor
    >>> from biam.chunks import Chunks
    >>> def make():
    ...     for seed in range(3):
    ...         X = np.random.default_rng(seed).normal(size=(100, 2))
    ...         yield X, np.sin(X[:, 0])
    >>> est = BIAMRegressor(random_state=0).fit(Chunks(make))
    >>> len(est.weights_)
    300
    """

    def __init__(self, make: Callable[[], Iterable[Sequence[Any]]]) -> None:
        if not callable(make):
            raise InvalidInputError(
                "Chunks needs a function that returns the chunks anew for every pass, got "
                f"{type(make).__name__}: use Chunks(lambda: ...)."
            )
        self.make = make
        self.sizes: list[int] | None = None
        self._n_chunks: int | None = None

    def __iter__(self) -> Iterator[Chunk]:
        """(X, y, sample_weight or None) of each chunk."""
        n = 0
        for chunk in self.make():
            n += 1
            yield _triple(chunk)
        if self._n_chunks not in (None, n):
            raise InvalidInputError(
                f"{n} chunks, but {self._n_chunks} in an earlier pass: the function given to "
                "Chunks must return an iterable that begins anew at every call."
            )
        if not n:
            raise InvalidInputError("there are no chunks: expected at least one.")
        self._n_chunks = n

    def __len__(self) -> int:
        """Rows."""
        if self.sizes is None:
            self.sizes = self.gather(_size)
        return sum(self.sizes)

    def then(self, change: Callable[..., Sequence[Any]]) -> "Chunks":
        """Chunks change(number, X, y, weight), row for row."""
        made = Chunks(lambda: (change(i, *chunk) for i, chunk in enumerate(self)))
        made.sizes = self.sizes
        return made

    def gather(self, work: Work) -> list[Any]:
        """work(number, X, y, weight) of each chunk, in order."""
        return [work(i, *chunk) for i, chunk in enumerate(self)]

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Some rows, by increasing number, of chunks that hold arrays: all three parts."""
        len(self)
        starts = np.cumsum([0, *(self.sizes or ())])
        found = self.gather(_Taken(starts, rows))
        return tuple(np.concatenate(parts) for parts in zip(*found, strict=True))

    def total(self, work: Work) -> tuple[Any, ...]:
        """Sum over the chunks of the tuples that work(number, X, y, weight) gives."""
        total = None
        for i, chunk in enumerate(self):
            part = work(i, *chunk)
            total = part if total is None else _plus(total, part)
        assert total is not None
        return total


class ArrayChunks(Chunks):
    """Arrays in chunks; those that are mapped into memory are read chunk by chunk.

    Parameters
    ----------
    X : ndarray, shape (n, p)
    y : ndarray, shape (n,)
    weight : ndarray, shape (n,), optional
    size : int
        Rows of a chunk.
    """

    def __init__(self, X: Any, y: Any, weight: Any = None, size: int = ROWS) -> None:
        super().__init__(self._cut)
        self.arrays, self.size = (X, y, weight), size
        self.sizes = [min(size, len(X) - i) for i in range(0, len(X), size)]

    def _cut(self) -> Iterator[Chunk]:
        X, y, weight = self.arrays
        for start in range(0, len(X), self.size):
            place = slice(start, start + self.size)
            yield X[place], y[place], None if weight is None else weight[place]

    def take(self, rows: np.ndarray) -> tuple[np.ndarray, ...]:
        """Some rows, by increasing number."""
        return self.arrays if len(rows) == len(self) else tuple(part[rows] for part in self.arrays)


class DaskChunks(Chunks):
    """Chunks that are partitions of a Dask collection: work goes where they are.

    Parameters
    ----------
    parts : sequence of dask.delayed.Delayed
        Each a chunk (X, y, sample_weight or None).
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        super().__init__(lambda: (part.compute() for part in parts))
        self.parts = list(parts)

    def then(self, change: Callable[..., Sequence[Any]]) -> "DaskChunks":
        """Chunks change(number, X, y, weight), made where they are."""
        made = DaskChunks(self._sent(change))
        made.sizes = self.sizes
        return made

    def gather(self, work: Work) -> list[Any]:
        """work(number, X, y, weight) of each chunk, in order."""
        import dask

        return list(dask.compute(*self._sent(work)))

    def total(self, work: Work) -> tuple[Any, ...]:
        """Sum over the chunks of the tuples that `work` gives, two by two where they are."""
        import dask

        sums, plus = self._sent(work), dask.delayed(_plus)
        while len(sums) > 1:
            pairs = zip(sums[::2], sums[1::2], strict=False)
            sums = [plus(a, b) for a, b in pairs] + sums[len(sums) // 2 * 2 :]
        return sums[0].compute()

    def _sent(self, work: Work) -> list[Any]:
        import dask

        once, call = dask.delayed(work, pure=False), dask.delayed(_call)
        return [call(once, i, part) for i, part in enumerate(self.parts)]


def as_chunks(X: Any, y: Any = None, weight: Any = None) -> Chunks | None:
    """The source of a table too large for memory; None for a table that is there.

    Parameters
    ----------
    X : Chunks, Dask array or data frame, array mapped into memory, or anything else
    y, weight : like X, optional

    Raises
    ------
    InvalidInputError
        Parts that do not fit together.
    """
    if isinstance(X, Chunks):
        if y is not None or weight is not None:
            raise InvalidInputError(
                "chunks hold y, and sample_weight, beside X: leave those arguments out."
            )
        return X
    if isinstance(X, np.memmap) and X.ndim == 2 and len(X) > MANY_ROWS:
        for name, other in (("y", y), ("sample_weight", weight)):
            if other is not None and len(other) != len(X):
                raise InvalidInputError(f"X has {len(X)} rows, {name} has {len(other)}.")
        return None if y is None else ArrayChunks(X, y, weight)
    if not hasattr(X, "to_delayed"):
        return None
    return _of_dask(X, y, weight)


def _of_dask(X: Any, y: Any, weight: Any) -> DaskChunks:
    import dask

    if y is None:
        raise InvalidInputError("y is None: a Dask table needs a Dask y in the same partitions.")
    # Of an array every chunk must hold all columns.
    X = X.rechunk({1: -1}) if hasattr(X, "rechunk") else X
    parts = list(np.ravel(X.to_delayed()))
    others = [_parts_like(name, X, parts, v) for name, v in (("y", y), ("sample_weight", weight))]
    make = dask.delayed(_triple)
    return DaskChunks([make(list(chunk)) for chunk in zip(parts, *others, strict=True)])


def _parts_like(name: str, X: Any, parts: list[Any], other: Any) -> list[Any]:
    """Partitions of `y` or the weights that go with those of X."""
    if other is None:
        return [None] * len(parts)
    if not hasattr(other, "to_delayed"):
        raise InvalidInputError(
            f"X is a Dask collection, {name} is {type(other).__name__}: expected a Dask collection "
            f"in the same partitions."
        )
    if hasattr(other, "rechunk") and hasattr(X, "chunks") and not np.isnan(X.chunks[0]).any():
        if other.shape[0] != X.shape[0]:
            raise InvalidInputError(f"X has {X.shape[0]} rows, {name} has {other.shape[0]}.")
        other = other.rechunk({0: X.chunks[0]})
    found = list(np.ravel(other.to_delayed()))
    if len(found) != len(parts):
        raise InvalidInputError(
            f"X has {len(parts)} partitions, {name} has {len(found)}: expected the same ones."
        )
    return found


def _triple(chunk: Any) -> Chunk:
    if not isinstance(chunk, tuple | list) or len(chunk) not in (2, 3):
        raise InvalidInputError(
            "a chunk must be (X, y) or (X, y, sample_weight), got "
            + (f"{len(chunk)} parts." if isinstance(chunk, tuple | list) else f"{type(chunk)}.")
        )
    return chunk[0], chunk[1], chunk[2] if len(chunk) == 3 else None


@dataclass(frozen=True)
class _Taken:
    """The rows of a chunk that are among `rows`; `starts` are the first rows of the chunks."""

    starts: np.ndarray
    rows: np.ndarray

    def __call__(self, number: int, *chunk: Any) -> tuple[np.ndarray, ...]:
        low, high = np.searchsorted(self.rows, self.starts[number : number + 2])
        own = self.rows[low:high] - self.starts[number]
        return tuple(np.asarray(part)[own] for part in chunk)


def _size(number: int, X: Any, y: Any, weight: Any) -> int:
    return len(X)


def _call(work: Work, number: int, chunk: Sequence[Any]) -> Any:
    return work(number, *_triple(chunk))


def _plus(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(x + y for x, y in zip(a, b, strict=True))
