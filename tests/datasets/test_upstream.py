"""Records of upstream files: well formed, and true of the files at hand."""

import re
from urllib.parse import urlparse

import pytest

from biam.datasets import upstream, upstream_images, upstream_keel
from biam.datasets.store import RemoteFile, local_path


def records(value):
    """Files in a constant of the upstream modules: one, several, or several by name."""
    if isinstance(value, RemoteFile):
        return [value]
    parts = value.values() if isinstance(value, dict) else value
    return [part for part in parts if isinstance(part, RemoteFile)]


FILES = [
    file
    for module in (upstream, upstream_images, upstream_keel)
    for name in module.__all__
    if not isinstance(getattr(module, name), int)
    for file in records(getattr(module, name))
]
BY_BYTES = [file for file in FILES if file.checked == "bytes"]


@pytest.mark.parametrize("file", FILES, ids=lambda f: f.name)
def test_record_can_be_acted_on(file):
    assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
    assert file.source
    if file.url is not None:
        address = urlparse(file.url)
        assert address.scheme == "https"
        assert address.path.removesuffix(".gz").endswith("/" + file.name)
    else:
        # No download unattended: the source must say where a person finds the file.
        assert re.search("account|registration|fetched from", file.source)


def test_records_do_not_share_a_place_or_a_checksum():
    assert len({(file.dataset, file.name) for file in FILES}) == len(FILES)
    assert len({file.sha256 for file in FILES}) == len(FILES)


@pytest.mark.parametrize(
    "file",
    [
        pytest.param(f, marks=pytest.mark.realdata(f"{f.dataset}/{f.name}"), id=f.name)
        for f in BY_BYTES
    ],
)
def test_file_at_hand_has_the_recorded_checksum(file):
    path = local_path(file)
    assert path.name.startswith(file.name)
