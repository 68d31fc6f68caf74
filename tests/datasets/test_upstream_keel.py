"""Records of the KEEL files."""

from biam.datasets.upstream_keel import KEEL


def test_every_set_has_a_file_of_its_name():
    assert len(KEEL) == 64
    assert all(file.name == f"{name}.dat" for name, file in KEEL.items())
    assert all(name in file.source and file.url is None for name, file in KEEL.items())
