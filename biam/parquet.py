"""Parquet files as chunks: columns that are asked for, some rows at a time.

Files say in their last bytes what they hold, so that names and numbers of rows are known before
anything is read. Categories stay categories, gaps stay gaps.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from biam.chunks import ROWS, Chunk, Chunks, Work
from biam.exceptions import DataMissingError, InvalidInputError, MissingExtraError
from biam.frames import Roles
from biam.validation import check_integer

__all__ = ["ParquetChunks"]

Where = str | os.PathLike[str]


class ParquetChunks(Chunks):
    """A Parquet file, several, or a folder of them; needs ``pip install "biam[parquet]"``.

    Rows come by file, in the order of their names, and by row group; of a table a chunk is held.

    Parameters
    ----------
    path : str, Path or list of them
        A file, a list of files, or a folder, with what is below it. Folders called ``name=value``
        are a column. Addresses that pyarrow knows (``"s3://..."``) will do.
    target : str, optional
        Column of targets. Without, chunks are for `predict` alone.
    columns : list of str, optional
        Columns of X, in order; the others are not read. None: all but target and weight.
    weight : str, optional
        Column of sample weights.
    size : int
        Most rows of a chunk, whatever the row groups.

    Raises
    ------
    DataMissingError
        No file there.
    InvalidInputError
        Something else than Parquet, or a column that a file does not have.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from biam import BIAMClassifier
    >>> from biam.datasets import load_breast_cancer
    >>> from biam.parquet import ParquetChunks
    >>> data = load_breast_cancer()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "train.parquet"
    ...     data.X.assign(label=data.y).to_parquet(file, row_group_size=200)
    ...     chunks = ParquetChunks(file, target="label")
    ...     est = BIAMClassifier(random_state=0, pairs=False).fit(chunks)
    ...     bool((est.predict(chunks) == data.y).mean() > 0.97)
    True
    """

    def __init__(
        self,
        path: Where | Sequence[Where],
        *,
        target: str | None = None,
        columns: Sequence[str] | None = None,
        weight: str | None = None,
        size: int = ROWS,
    ) -> None:
        super().__init__(self._read)
        self.size = check_integer("size", size, low=1)
        self.fragments, names = _opened(path)
        self.roles = Roles.of(names, columns, target, weight)
        for file in self.fragments:
            here = _columns(file)
            self.roles.check(here, file.path)
            more = [name for name in here if name not in names]
            if columns is None and more:
                raise InvalidInputError(
                    f"{file.path} has the column {more[0]!r}, {self.fragments[0].path} has not: "
                    "say which ones are meant, columns=[...]."
                )

    def __len__(self) -> int:
        """Rows, as the files say."""
        return sum(file.metadata.num_rows for file in self.fragments)

    def gather(self, work: Work) -> list[Any]:
        """work(number, X, y, weight) of each chunk, in order."""
        # Only `predict` goes without targets, and it does not gather.
        if self.roles.target is None:
            raise InvalidInputError(
                "these chunks have no targets: ParquetChunks(..., target=NAME) says where they are."
            )
        return super().gather(work)

    def _read(self) -> Iterator[Chunk]:
        from pyarrow.parquet import ParquetFile

        for fragment in self.fragments:
            folders = _folders(fragment)
            own = [name for name in self.roles.names if name not in folders]
            kinds = _categorical(fragment, own)
            with fragment.open() as source, ParquetFile(source) as file:
                for batch in file.iter_batches(self.size, columns=own):
                    # Without what pandas noted down, no column becomes the index.
                    frame = batch.replace_schema_metadata(None).to_pandas()
                    if len(frame):
                        yield self.roles.chunk(frame.astype(kinds).assign(**folders))


def _opened(path: Any) -> tuple[list[Any], list[str]]:
    """Files by name, and the columns of the first."""
    try:
        from pyarrow import ArrowInvalid, dataset
    except ImportError:
        raise MissingExtraError(
            'Parquet files need pyarrow: pip install "biam[parquet]".'
        ) from None
    several = isinstance(path, list | tuple)
    given = [os.fspath(p) for p in path] if several else os.fspath(path)
    try:
        table = dataset.dataset(given, format="parquet", partitioning="hive")
        files = sorted(table.get_fragments(), key=lambda file: file.path)
    except FileNotFoundError as error:
        raise DataMissingError(f"no Parquet file there: {error}.") from None
    except ArrowInvalid as error:
        raise InvalidInputError(f"expected Parquet files: {error}") from None
    if not files:
        raise DataMissingError(f"no Parquet file in {path}.")
    return files, _columns(files[0])


def _columns(fragment: Any) -> list[str]:
    """Columns of a file and of its folders, but for an index that pandas has stored."""
    schema = fragment.physical_schema
    index = (schema.pandas_metadata or {}).get("index_columns", [])
    return [name for name in (*schema.names, *_folders(fragment)) if name not in index]


def _categorical(fragment: Any, names: Sequence[str]) -> dict[str, str]:
    """Columns that were categories in pandas: of numbers, Parquet itself does not know it."""
    noted = (fragment.physical_schema.pandas_metadata or {}).get("columns", [])
    found = {column["name"] for column in noted if column["pandas_type"] == "categorical"}
    return {name: "category" for name in names if name in found}


def _folders(fragment: Any) -> dict[str, Any]:
    """Columns that are in the names of a file's folders, with the value they have there."""
    from pyarrow.dataset import get_partition_keys

    return dict(get_partition_keys(fragment.partition_expression))
