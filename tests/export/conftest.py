"""Fitted estimators of every kind that can be exported, and tables they have not seen."""

import numpy as np
import pandas as pd
import pytest

from biam import BIAMClassifier, BIAMRegressor

SURFACES = [(0, 2), (2, 3), (3, 4), (0, 1)]
PUBLISHED = {"solver": "published", "epochs": 4, "n_ranks": 2}
CASES = {
    "regression": (BIAMRegressor, 0, {}),
    "missing": (BIAMRegressor, 0, {"handle_unknown": "missing", "interactions": True}),
    "surfaces": (BIAMRegressor, 0, {"interactions": True, "pairs": SURFACES}),
    "binary": (BIAMClassifier, 2, {"interactions": True, "pairs": SURFACES[:2]}),
    "multiclass": (BIAMClassifier, 3, {"handle_unknown": "missing", "pairs": SURFACES[1:]}),
    "published": (BIAMRegressor, 0, PUBLISHED | {"handle_unknown": "missing"}),
    "published-binary": (BIAMClassifier, 2, PUBLISHED),
    "steps": (BIAMRegressor, 0, PUBLISHED | {"variant": "BIAM-H", "standardise": True}),
    "gates": (BIAMClassifier, 3, PUBLISHED | {"variant": "BIAM2"}),
}


def make_table(n, seed):
    """Numbers in far units, a text, a category of numbers; gaps in all of them."""
    g = np.random.default_rng(seed)
    X = pd.DataFrame({"pay": 5e4 + 1e4 * g.normal(size=n), "b%": g.normal(size=n)})
    X['the "c"'] = np.round(g.normal(size=n), 1)
    X["it's"] = g.choice(["p", "q's", 'r"'], n)
    X["grade"] = pd.Categorical(g.integers(1, 4, n))
    y = X["pay"] / 1e4 + X["it's"].map({"p": 0.0, "q's": 1.0, 'r"': -1.0}) * X['the "c"']
    for name in X:
        X.loc[g.uniform(size=n) < 0.2, name] = None
    return X, y.to_numpy()


@pytest.fixture(scope="session")
def exported(with_surfaces):
    """Case by name: the estimator and test rows, with an unseen category where that is allowed."""
    made = {}

    def case(name):
        if name in made:
            return made[name]
        kind, n_classes, settings = CASES[name]
        settings = {"epochs": 3, "n_knots": 5} | settings
        pairs = settings.pop("pairs", [])
        X, y = make_table(160, 0)
        if n_classes:
            cuts = np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1])
            y = np.array(["low", "mid", "it's top"])[np.digitize(y, cuts)]
        est = kind(random_state=0, **settings).fit(X[:120], y[:120], X[120:], y[120:])
        if pairs:
            with_surfaces(est, X[:120], pairs)
        test = pd.concat([make_table(80, 1)[0], X], ignore_index=True)
        if settings.get("handle_unknown") == "missing":
            test.loc[::9, "it's"] = "unseen"
        made[name] = est, test
        return made[name]

    return case


@pytest.fixture(params=CASES)
def case(request, exported):
    """Each case in turn: the estimator and test rows."""
    return exported(request.param)


@pytest.fixture
def expected():
    """What an export must reproduce: predictions, or probabilities of the classes."""

    def answers(est, X):
        if hasattr(est, "classes_"):
            return est.predict_proba(X)
        return est.predict(X)[:, None]

    return answers


@pytest.fixture
def records():
    """Rows as mappings with None in the gaps."""

    def rows(X):
        plain = X.astype(object)
        return plain.where(plain.notna(), None).to_dict("records")

    return rows
