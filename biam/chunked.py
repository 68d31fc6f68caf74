"""Estimators on tables in chunks: `fit` by passes over them, `predict` chunk by chunk.

A pass looks at the table (`biam.scanning`), a second takes a sample of it, a few more let all rows
have their say (`biam.solvers.exact.passes`). Up to 250,000 rows the sample is the whole table.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from biam.chunks import Chunks
from biam.exceptions import InvalidInputError
from biam.prediction import encoded_meta
from biam.scanning import Encoded, Scan
from biam.solvers.exact.passes import sampled_rows

__all__ = ["Chunked", "by_partition"]


class Chunked:
    """The side of both estimators that knows chunks.

    Needs ``_check_meta``, ``_encode_targets``, ``_own_scale``, ``_solver`` and ``_adopt`` of the
    estimator.
    """

    # Given by the estimator.
    _check_meta: Any
    _encode_targets: Any
    _own_scale: Any
    _solver: Any
    _adopt: Any
    y_centre_: float
    y_scale_: float
    solver: str
    weighting: str
    objective: str
    standardise: bool | str
    handle_unknown: str

    def _fit_chunks(self, chunks: Chunks, X_meta: Any, y_meta: Any, seed: int) -> None:
        """Train on chunks, with meta rows that are there, if any."""
        if self.solver != "exact" or self.weighting == "network":
            raise InvalidInputError(
                "chunks need solver='exact' and weighting='posterior' or 'equal'; the others want "
                "the whole table: X[:] of an array, X.compute() of a Dask collection."
            )
        if self.objective == "rare":
            raise InvalidInputError(
                "objective='rare' looks at all targets at once: fit the table as a whole."
                "chunks cannot be fitted for objective='rare', which counts rows twice: use "
                "objective='mse', or the whole table."
            )
        if (X_meta is None) != (y_meta is None):
            self._check_meta(X_meta, y_meta)
        classifier = is_classifier(self)
        scan = Scan.of(chunks, classifier)
        chunks.sizes = list(scan.sizes)
        self._name_columns(scan)
        if X_meta is not None:
            X_meta, y_meta = self._check_meta(X_meta, y_meta)
        typical, weight = scan.typical_targets()
        _, meta_targets = self._encode_targets(typical, y_meta, weight)
        classes = getattr(self, "classes_", None) if classifier else None
        if classes is not None and len(classes) > 2:
            raise InvalidInputError(
                f"chunks are for numbers and two classes, got {len(classes)} classes: fit the "
                "table as a whole."
            )
        encoder = scan.encoder(self._own_scale(self.standardise), self.handle_unknown)
        meta_values = None if X_meta is None else encoded_meta(encoder, X_meta)
        units = () if classifier else (self.y_centre_, self.y_scale_)
        rows = chunks.then(Encoded(encoder, classes, *units))
        sample = rows.take(sampled_rows(scan.n_rows, seed))
        self.encoder_ = encoder
        fitted = self._solver(scan.n_rows, encoder).fit_chunks(
            rows,
            sample,
            meta_values,
            meta_targets,
            n_classes=0 if classes is None else 2,
            n_levels=encoder.n_levels,
            seed=seed,
        )
        self._adopt(fitted, sample[0], meta_values, sample[2])
        self.missing_rates_ = 1 - scan.observed / scan.n_rows

    def _name_columns(self, scan: Scan) -> None:
        """What scikit-learn keeps of the columns of a table."""
        self.n_features_in_ = len(scan.names)
        if scan.named:
            self.feature_names_in_ = np.array(scan.names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_


def by_partition(method: Callable[..., np.ndarray]) -> Callable[..., Any]:
    """Let a method of X answer Dask collections by a Dask array, one partition after another.

    Parameters
    ----------
    method : callable
        ``predict``, ``predict_proba`` or ``decision_function``.
    """

    @wraps(method)
    def answer(self: Any, X: Any) -> Any:
        if not hasattr(X, "to_delayed"):
            return method(self, X)
        import dask
        import dask.array

        check_is_fitted(self)
        X = X.rechunk({1: -1}) if hasattr(X, "rechunk") else X
        parts = np.ravel(X.to_delayed())
        rows = X.chunks[0] if hasattr(X, "chunks") else (np.nan,) * len(parts)
        tail, dtype = _kind(self, method.__name__)
        call, est = dask.delayed(method), dask.delayed(self, pure=False)
        made = [
            dask.array.from_delayed(call(est, part), shape=(n, *tail), dtype=dtype)
            for n, part in zip(rows, parts, strict=True)
        ]
        return dask.array.concatenate(made, allow_unknown_chunksizes=True)

    return answer


def _kind(est: Any, method: str) -> tuple[tuple[int, ...], Any]:
    """Shape of a row's answer, and its type."""
    classes = getattr(est, "classes_", None)
    if method == "predict":
        return (), float if classes is None else classes.dtype
    several = method == "predict_proba" or len(classes) > 2
    return (len(classes),) if several else (), float
