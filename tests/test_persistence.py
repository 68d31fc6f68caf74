"""Saved estimators: the same to the last bit, no pickle inside, and clear words about bad files."""

import io
import json
import pickle
import zipfile

import numpy as np
import pandas as pd
import pytest
import torch

from biam import BIAMClassifier, BIAMRegressor, load
from biam.exceptions import InvalidInputError, OutputError
from biam.persistence import FORMAT

G = np.random.default_rng(0)
N = 90
FRAME = pd.DataFrame({"a": G.normal(size=N), "b": G.normal(size=N)})
FRAME["kind"] = G.choice(["p", "q"], N)
FRAME["grade"] = pd.Categorical(G.integers(1, 4, N))
FRAME["flag"] = pd.Series(G.uniform(size=N) < 0.5, dtype="category")
FRAME.loc[::5, "a"] = np.nan
FRAME.loc[::7, "kind"] = None
ARRAY = FRAME[["a", "b"]].to_numpy()
Y = np.nan_to_num(ARRAY[:, 0]) + ARRAY[:, 1] ** 2
LOOP = {"solver": "published", "epochs": 3, "n_ranks": 2}
CODES = np.digitize(Y, np.quantile(Y, [0.4, 0.7]))
CASES = {
    "frame": (BIAMRegressor(n_knots=4, epochs=3), FRAME, Y),
    "array": (BIAMRegressor(n_knots=4, epochs=3), ARRAY, Y),
    "text-classes": (BIAMClassifier(n_knots=4, epochs=3), FRAME, np.array(["u", "v", "w"])[CODES]),
    "frame-classes": (
        BIAMClassifier(n_knots=4, epochs=3),
        ARRAY,
        pd.Series(CODES > 0).map({True: "y", False: "n"}),
    ),
    "int-classes": (BIAMClassifier(n_knots=4, epochs=3), ARRAY, CODES * 5),
    "bool-classes": (BIAMClassifier(n_knots=4, epochs=3), ARRAY, CODES > 0),
    "float-classes": (
        BIAMClassifier(n_knots=4, epochs=3),
        ARRAY,
        np.where(CODES > 0, 1.5, -0.5) * 2,
    ),
    "objective": (BIAMClassifier(n_knots=4, epochs=3, objective="f1_macro"), ARRAY, CODES > 1),
    "published": (BIAMRegressor(**LOOP), FRAME, Y),
    "pairs": (BIAMClassifier(variant="BIAM2", **LOOP), FRAME, CODES),
    "steps": (BIAMRegressor(variant="BIAM-H", standardise=True, **LOOP), ARRAY, Y),
}


def fit(name):
    est, X, y = CASES[name]
    est.set_params(random_state=0)
    return est.fit(X[20:], y[20:], X[:20], y[:20]), X


@pytest.mark.parametrize("name", CASES)
def test_nothing_is_lost(name, tmp_path):
    est, X = fit(name)
    before = torch.get_rng_state()
    est.save(tmp_path / "model.biam")
    back = load(tmp_path / "model.biam")
    assert torch.equal(before, torch.get_rng_state())
    assert type(back) is type(est)
    assert back.get_params() == est.get_params()
    assert np.array_equal(back.predict(X), est.predict(X))
    assert back.predict(X).dtype == est.predict(X).dtype
    if hasattr(est, "classes_"):
        assert back.classes_.tolist() == est.classes_.tolist()
        assert back.classes_.dtype == est.classes_.dtype
        assert np.array_equal(back.predict_proba(X), est.predict_proba(X))
        assert np.array_equal(back.decision_rule_, est.decision_rule_)
    for table in ("shape_functions_", "missing_effects_", "interactions_"):
        pd.testing.assert_frame_equal(getattr(back, table), getattr(est, table))
    pd.testing.assert_frame_equal(back.explain(X), est.explain(X))
    assert np.array_equal(back.weights_, est.weights_)
    assert np.array_equal(back.feature_importances_, est.feature_importances_)
    assert back.complexity_ == est.complexity_
    assert back.history_ == est.history_
    assert (back.status_, back.n_iter_) == (est.status_, est.n_iter_)
    assert set(back.details_) == set(est.details_)
    assert {k for k in vars(est) if k.endswith("_")} <= set(vars(back))


def test_surfaces_and_their_centres_are_kept(tmp_path, with_surfaces):
    est, X = fit("text-classes")
    with_surfaces(est, X, [(0, 1), (1, 2)])
    est.details_ |= {"covariance": np.eye(3), "notes": {"tried": [1, np.float64(0.5)]}, "no": None}
    est.save(tmp_path / "m")
    back = load(tmp_path / "m")
    assert back.model_.pairs == ((0, 1), (1, 2))
    assert torch.equal(back.model_.centres, est.model_.centres)
    assert est.model_.centres.any()
    assert np.array_equal(back.predict_proba(X), est.predict_proba(X))
    pd.testing.assert_frame_equal(back.interactions_, est.interactions_)
    pd.testing.assert_frame_equal(back.term_importances_, est.term_importances_)
    assert back.details_["notes"] == {"tried": [1, 0.5]}
    assert back.details_["no"] is None
    assert np.array_equal(back.details_["covariance"], np.eye(3))


@pytest.mark.parametrize("name", ["frame", "array"])
def test_a_loaded_estimator_checks_its_input_as_before(name, tmp_path):
    est, X = fit(name)
    est.save(tmp_path / "m")
    back = load(tmp_path / "m")
    with pytest.raises(ValueError, match=r"feature names|features as input"):
        back.predict(X[["a"]] if name == "frame" else X[:, :1])
    if name == "frame":
        with pytest.raises(InvalidInputError, match="'kind' has the category 'z'"):
            back.predict(X.assign(kind="z"))
        assert np.isfinite(back.predict(X.assign(kind=None))).all()


def test_a_loaded_estimator_can_be_fitted_and_saved_again(tmp_path):
    est, X = fit("frame")
    est.save(tmp_path / "one")
    back = load(tmp_path / "one")
    back.save(tmp_path / "two")
    assert np.array_equal(load(tmp_path / "two").predict(X), est.predict(X))
    again = back.fit(X[20:], Y[20:], X[:20], Y[:20])
    assert np.array_equal(again.predict(X), est.predict(X))


def test_numbers_of_numpy_are_parameters_too(tmp_path):
    est = BIAMRegressor(n_knots=np.int64(4), lower_lr=np.float32(0.25), random_state=np.int64(3))
    est.fit(ARRAY, Y).save(tmp_path / "m")
    back = load(tmp_path / "m")
    assert (back.n_knots, back.lower_lr, back.random_state) == (4, 0.25, 3)


def test_a_stream_as_random_state_is_left_behind(tmp_path):
    est = BIAMRegressor(random_state=np.random.RandomState(0)).fit(ARRAY, Y)
    est.save(tmp_path / "m")
    assert load(tmp_path / "m").random_state is None
    assert np.array_equal(load(tmp_path / "m").predict(ARRAY), est.predict(ARRAY))


def test_there_is_no_pickle_inside(tmp_path):
    est, _ = fit("text-classes")
    est.save(str(tmp_path / "m.biam"))
    with zipfile.ZipFile(tmp_path / "m.biam") as file:
        for name in file.namelist():
            array = np.load(io.BytesIO(file.read(name)), allow_pickle=False)
            assert array.dtype.kind in "fiubU"
    with np.load(tmp_path / "m.biam", allow_pickle=False) as file:
        header = json.loads(str(file["header"]))
    assert header["format"] == FORMAT
    assert header["class"] == "BIAMClassifier"


def other_format(path):
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    arrays["header"] = np.array(json.dumps({"format": "biam-estimator-99"}))
    write(path, lambda file: np.savez(file, **arrays))


def write(path, writer):
    with path.open("wb") as file:
        writer(file)


BAD_FILES = {
    "text": lambda p: p.write_text("a,b\n1,2\n"),
    "empty": lambda p: p.write_bytes(b""),
    "pickle": lambda p: p.write_bytes(pickle.dumps({"a": 1})),
    "array": lambda p: write(p, lambda f: np.save(f, np.ones(3))),
    "arrays": lambda p: write(p, lambda f: np.savez(f, a=np.ones(3))),
    "header": lambda p: write(p, lambda f: np.savez(f, header=np.array("[1]"))),
    "no-json": lambda p: write(p, lambda f: np.savez(f, header=np.array("{"))),
    "truncated": lambda p: p.write_bytes(p.read_bytes()[:-100]),
    "beginning": lambda p: p.write_bytes(p.read_bytes()[:50]),
    "damaged": lambda p: p.write_bytes(
        (b := p.read_bytes())[:200] + bytes(x ^ 255 for x in b[200:400]) + b[400:]
    ),
}


@pytest.mark.parametrize("damage", BAD_FILES.values(), ids=BAD_FILES)
def test_files_of_another_kind_are_refused(damage, tmp_path):
    path = tmp_path / "m.biam"
    fit("array")[0].save(path)
    load(path)
    damage(path)
    with pytest.raises(InvalidInputError, match=r"m\.biam was not written by est\.save"):
        load(path)


def test_a_later_format_is_refused(tmp_path):
    path = tmp_path / "m.biam"
    fit("array")[0].save(path)
    other_format(path)
    with pytest.raises(InvalidInputError, match="has format 'biam-estimator-99', expected 'biam-"):
        load(path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"m\.biam"):
        load(tmp_path / "m.biam")


@pytest.mark.parametrize("where", ["no/such/folder/m", "file/m", "folder"])
def test_places_that_cannot_be_written(where, tmp_path):
    (tmp_path / "file").write_text("here")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=f"cannot write .*{where}"):
        fit("array")[0].save(tmp_path / where)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "here"


def test_the_old_file_stays_when_writing_fails(tmp_path, monkeypatch):
    path = tmp_path / "m.biam"
    est, X = fit("array")
    est.save(path)
    before = path.read_bytes()

    def full(file, **arrays):
        file.write(b"half of it")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with pytest.raises(OutputError, match=r"cannot write .*No space left on device"):
        est.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    assert np.array_equal(load(path).predict(X), est.predict(X))
