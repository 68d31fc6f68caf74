"""Finding, checking and fetching files: small files of our own, no network beyond this machine."""

import gzip
import hashlib
import http.server
import os
import threading
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from biam.datasets import store
from biam.datasets.store import RemoteFile, check_values, data_home, find, local_path
from biam.exceptions import DataMissingError

CONTENT = b"a,b\n1,2\n"
FILE = RemoteFile(
    dataset="toy",
    name="toy.csv",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
    bytes=len(CONTENT),
    url="https://example.invalid/toy.csv",
    source="Toy Archive 7",
)
REAL_DOWNLOAD = store._download


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("BIAM_DATA_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def served(monkeypatch):
    """What the network would answer, by address; asking for anything else fails as it would."""
    answers = {}

    def download(url, target):
        if url not in answers:
            raise ConnectionError(f"no route to {url}")
        target.write_bytes(answers[url])

    monkeypatch.setattr(store, "_download", download)
    return answers


def put(home, name, content):
    path = home / "toy" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def test_home_is_the_environment_then_the_user_cache(home, monkeypatch):
    assert data_home() == home
    monkeypatch.setenv("BIAM_DATA_HOME", "~/tables")
    assert data_home() == type(home).home() / "tables"
    monkeypatch.setenv("BIAM_DATA_HOME", " ")
    assert data_home().name == "biam"
    assert data_home().is_absolute()


def test_plain_copy_is_found_before_the_packed_one(home):
    assert find(FILE) is None
    packed = put(home, "toy.csv.gz", gzip.compress(CONTENT, mtime=0))
    assert find(FILE) == packed
    assert local_path(FILE) == packed
    plain = put(home, "toy.csv", CONTENT)
    assert find(FILE) == plain
    assert local_path(FILE) == plain


@pytest.mark.parametrize(
    ("name", "content"),
    [("toy.csv", b"a,b\n1,3\n"), ("toy.csv.gz", gzip.compress(b"a,b\n1,3\n", mtime=0))],
)
def test_wrong_checksum_is_refused_and_the_copy_is_kept(home, served, name, content):
    served[FILE.url] = CONTENT
    path = put(home, name, content)
    got = hashlib.sha256(b"a,b\n1,3\n").hexdigest()
    with pytest.raises(DataMissingError, match=f"{name} has sha256 {got}") as caught:
        local_path(FILE)
    assert f"expected sha256 (unpacked): {FILE.sha256}" in str(caught.value)
    assert path.read_bytes() == content


def test_damaged_archive_is_named(home):
    put(home, "toy.csv.gz", gzip.compress(CONTENT, mtime=0)[:-4])
    with pytest.raises(DataMissingError, match=r"toy\.csv\.gz is damaged"):
        local_path(FILE)
    put(home, "toy.csv.gz", CONTENT)
    with pytest.raises(DataMissingError, match=r"toy\.csv\.gz is damaged"):
        local_path(FILE)


def test_checksum_is_taken_once_until_the_file_changes(home, monkeypatch):
    path = put(home, "toy.csv", CONTENT)
    taken = []
    digest = hashlib.file_digest

    def counted(stream, name):
        taken.append(name)
        return digest(stream, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    local_path(FILE)
    local_path(FILE)
    assert taken == ["sha256"]
    path.write_bytes(b"changed")
    with pytest.raises(DataMissingError):
        local_path(FILE)
    assert taken == ["sha256"] * 2


def test_absent_file_is_fetched_checked_and_kept(home, served):
    served[FILE.url] = CONTENT
    path = local_path(FILE)
    assert path == home / "toy" / "toy.csv"
    assert path.read_bytes() == CONTENT
    served.clear()
    assert local_path(FILE) == path
    assert [entry.name for entry in path.parent.iterdir()] == ["toy.csv"]


def test_packed_download_keeps_its_suffix(home, served):
    file = replace(FILE, url="https://example.invalid/toy.csv.gz")
    served[file.url] = gzip.compress(CONTENT, mtime=0)
    assert local_path(file) == home / "toy" / "toy.csv.gz"


def test_download_speaks_http(home, monkeypatch):
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/toy.csv" else 404)
            self.send_header("Content-Length", str(len(CONTENT)))
            self.end_headers()
            self.wfile.write(CONTENT)

        def log_message(self, *args):
            pass

    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(store, "_download", REAL_DOWNLOAD)
    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert local_path(replace(FILE, url=f"{address}/toy.csv")).read_bytes() == CONTENT
        with pytest.raises(DataMissingError, match="fetching failed: 404"):
            local_path(replace(FILE, name="other.csv", url=f"{address}/other.csv"))
        server.shutdown()


def test_wrong_download_leaves_nothing_behind(home, served):
    served[FILE.url] = b"<html>moved</html>"
    with pytest.raises(DataMissingError, match="has sha256"):
        local_path(FILE)
    assert list((home / "toy").iterdir()) == []


def test_failed_download_says_all_that_is_needed(home):
    with pytest.raises(DataMissingError) as caught:
        local_path(FILE)
    text = str(caught.value)
    for part in (
        "data file toy/toy.csv: it is absent and fetching failed: no route to",
        "source: Toy Archive 7",
        "address: https://example.invalid/toy.csv",
        f"expected sha256 (unpacked): {FILE.sha256}, 8 bytes",
        f"put it (plain or .gz) in: {home / 'toy'}",
    ):
        assert part in text
    assert isinstance(caught.value.__cause__, ConnectionError)


def test_file_without_address_says_how_to_get_it_by_hand(home):
    file = replace(FILE, url=None, source="Toy Club (account needed), https://club.invalid")
    with pytest.raises(DataMissingError) as caught:
        local_path(file)
    assert "it is absent and cannot be downloaded unattended" in str(caught.value)
    assert "source: Toy Club (account needed), https://club.invalid" in str(caught.value)
    assert list(home.iterdir()) == []


def test_home_that_cannot_be_written_is_named(tmp_path, monkeypatch, served):
    served[FILE.url] = CONTENT
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder should be")
    monkeypatch.setenv("BIAM_DATA_HOME", str(blocked))
    with pytest.raises(DataMissingError, match=f"fetching failed: .*{blocked.name}"):
        local_path(FILE)


def test_values_are_hashed_by_number_not_by_type():
    table = np.array([[1, 2], [3, -4]])
    digest = hashlib.sha256(table.astype("<i8").tobytes()).hexdigest()
    file = replace(FILE, sha256=digest, checked="values", bytes=None)
    check_values(file, table)
    check_values(file, np.asfortranarray(table).astype(">i2"))
    check_values(file, pd.DataFrame(table))
    with pytest.raises(DataMissingError, match=r"its numbers have sha256 .* shape \(2, 2\)"):
        check_values(file, table + 1)


def test_values_file_may_have_any_bytes(home):
    file = replace(FILE, checked="values")
    put(home, "toy.csv", b"a;b\r\n1;2\r\n")
    assert local_path(file).name == "toy.csv"


def test_openml_is_cached_under_a_writable_home_only(home, monkeypatch):
    asked = []

    def fetch_openml(**options):
        asked.append(options)
        return type("Bunch", (), {"frame": pd.DataFrame({"x1": [1]})})

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    assert list(store.openml_table(FILE, 31).columns) == ["x1"]
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    store.openml_table(FILE, 31)
    assert [(call["cache"], call["data_home"]) for call in asked] == [
        (True, str(home)),
        (False, None),
    ]
    assert all(call["data_id"] == 31 for call in asked)


def test_openml_failure_says_how_to_get_the_file(home, monkeypatch):
    def fetch_openml(**options):
        raise OSError("no route")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", fetch_openml)
    with pytest.raises(DataMissingError, match=r"toy/toy\.csv: OpenML 31 failed: no route"):
        store.openml_table(FILE, 31)
