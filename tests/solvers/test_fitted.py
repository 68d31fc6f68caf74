"""What a solver gives back: the two solvers fill the same record, consistently."""

import numpy as np
import pytest
import torch

from biam.solvers.exact import ExactSolver
from biam.solvers.fitted import Fitted
from biam.solvers.published import PublishedSolver

SOLVERS = {
    "exact": ExactSolver(n_knots=4, epochs=3, progress=False),
    "published": PublishedSolver(n_knots=4, epochs=3, progress=False),
}


@pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)
@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_both_solvers_fill_the_record(solver, n_classes):
    stream = np.random.default_rng(0)
    X = stream.normal(size=(60, 3))
    X[::7, 1] = np.nan
    y = np.arange(60) % n_classes if n_classes else stream.normal(size=60)
    fitted = solver.fit(X[:45], y[:45], X[45:], y[45:], n_classes=n_classes)
    assert isinstance(fitted, Fitted)
    assert fitted.status == "finished"
    assert fitted.w.shape == (fitted.model.layout.size,)
    assert fitted.w.dtype == torch.float64
    assert fitted.weights.shape == fitted.details["losses"].shape == (45,)
    assert [record["epoch"] for record in fitted.history] == [1, 2, 3]
    assert all("meta_loss" in record for record in fitted.history)
    outputs = fitted.model.outputs(fitted.w, fitted.model.basis.design(X))
    assert outputs.shape == (60, fitted.model.n_outputs)
    assert outputs.std() > 0


def test_records_do_not_share_their_details():
    first, second = (Fitted(None, torch.zeros(1), np.ones(1), []) for _ in range(2))
    first.details["ridge"] = 1.0
    assert second.details == {}
    assert second.status == "finished"
