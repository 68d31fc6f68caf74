"""The written module predicts the same, alone in a fresh interpreter without site packages."""

import json
import subprocess
import sys

import numpy as np

from biam.export import to_python


def test_the_source_predicts_the_same(case, expected, records):
    est, X = case
    module = {}
    exec(compile(to_python(est), "model.py", "exec"), module)
    rows, answers = records(X), expected(est, X)
    if hasattr(est, "classes_"):
        shown = [module["predict_proba_row"](row) for row in rows]
        assert [module["predict_row"](row) for row in rows] == est.predict(X).tolist()
    else:
        shown = [[module["predict_row"](row)] for row in rows]
        assert "predict_proba_row" not in module
    np.testing.assert_allclose(shown, answers, rtol=1e-9, atol=1e-9)


def test_it_runs_alone(exported, records, tmp_path):
    est, X = exported("binary")
    (tmp_path / "model.py").write_text(to_python(est), encoding="utf-8")
    code = "import json, sys, model; print(model.predict_proba_row(json.load(sys.stdin)))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        input=json.dumps(records(X[:1])[0]),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        env={"PYTHONPATH": str(tmp_path)},
        check=True,
    )
    np.testing.assert_allclose(json.loads(done.stdout), est.predict_proba(X[:1])[0], atol=1e-9)
