"""Data frames of Dask in chunks: targets and weights are columns beside the others.

Partitions are computed once for all of them. X and y that are cut out of a frame before may come
in partitions of their own, since Dask joins small files by how much is read of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from biam.chunks import Chunk, DaskChunks
from biam.exceptions import InvalidInputError

__all__ = ["FrameChunks", "Roles"]


@dataclass(frozen=True)
class Roles:
    """Which columns of a frame are X, which one the target, which one the weight.

    Parameters
    ----------
    columns : tuple of str
    target, weight : str or None
    """

    columns: tuple[str, ...]
    target: str | None
    weight: str | None

    @classmethod
    def of(
        cls,
        names: Sequence[str],
        columns: Sequence[str] | None,
        target: str | None,
        weight: str | None,
    ) -> "Roles":
        """Roles as they are given; `columns` None: all of `names` but target and weight.

        Raises
        ------
        InvalidInputError
            No columns, a column in two roles, or one that is not among the names.
        """
        if isinstance(columns, str):
            raise InvalidInputError(f"columns must be a list of names, got {columns!r}.")
        beside = {name for name in (target, weight) if name is not None}
        own = tuple(n for n in names if n not in beside) if columns is None else tuple(columns)
        for name in own:
            if name in beside:
                raise InvalidInputError(
                    f"{name!r} is in columns, and target or weight too: name it once."
                )
        if not own:
            raise InvalidInputError(f"no column is left for X of {', '.join(names)}.")
        roles = cls(own, target, weight)
        roles.check(names, "the table")
        return roles

    @property
    def names(self) -> list[str]:
        """All of them."""
        beside = [name for name in (self.target, self.weight) if name is not None]
        return [*self.columns, *dict.fromkeys(beside)]

    def check(self, names: Sequence[str], where: str) -> None:
        """Refuse a table that has other columns, `names`."""
        for name in self.names:
            if name not in names:
                raise InvalidInputError(
                    f"{where} has no column {name!r}: there are {', '.join(names)}."
                )

    def chunk(self, frame: Any) -> Chunk:
        """X, y and weights of a data frame."""
        beside = (None if n is None else frame[n].to_numpy() for n in (self.target, self.weight))
        return frame[list(self.columns)], *beside


class FrameChunks(DaskChunks):
    """A Dask data frame with its targets; the work goes where the partitions are.

    Parameters
    ----------
    frame : dask.dataframe.DataFrame
        No partition is empty.
    target : str
        Column of targets.
    columns : list of str, optional
        Columns of X, in order. None: all but target and weight.
    weight : str, optional
        Column of sample weights.

    Raises
    ------
    InvalidInputError
        Something else than a Dask data frame, or a column that it does not have.

    Examples
    --------
    >>> import dask.dataframe
    >>> from biam import BIAMClassifier
    >>> from biam.datasets import load_breast_cancer
    >>> from biam.frames import FrameChunks
    >>> data = load_breast_cancer()
    >>> frame = dask.dataframe.from_pandas(data.X.assign(label=data.y), npartitions=3)
    >>> est = BIAMClassifier(random_state=0, pairs=False).fit(FrameChunks(frame, target="label"))
    >>> est.predict(frame.drop(columns="label")).numblocks
    (3,)
    """

    def __init__(
        self,
        frame: Any,
        *,
        target: str,
        columns: Sequence[str] | None = None,
        weight: str | None = None,
    ) -> None:
        if not hasattr(frame, "to_delayed") or not hasattr(frame, "columns") or frame.ndim != 2:
            raise InvalidInputError(
                f"FrameChunks needs a Dask data frame, got {type(frame).__name__}."
            )
        import dask

        self.roles = Roles.of(list(frame.columns), columns, target, weight)
        cut = dask.delayed(self.roles.chunk)
        super().__init__([cut(part) for part in frame[self.roles.names].to_delayed()])
