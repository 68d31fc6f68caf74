"""Optional packages."""

import sys

import pytest

from biam.baselines.extra import load_extra
from biam.exceptions import MissingExtraError


def test_load_extra(tmp_path, monkeypatch):
    assert load_extra("json.decoder") is sys.modules["json.decoder"]
    with pytest.raises(MissingExtraError, match=r"no_such_thing.*pip install 'biam\[baselines\]'"):
        load_extra("no_such_thing.part")
    # A package that is there but lacks something of its own says so itself.
    (tmp_path / "broken_rival.py").write_text("import no_such_other_thing\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_other_thing") as caught:
        load_extra("broken_rival")
    assert not isinstance(caught.value, MissingExtraError)
