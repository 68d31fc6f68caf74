"""One full run of table `published`, shared by the tests that read results."""

import pytest

from biam.experiments.runner import reproduce


@pytest.fixture(scope="session")
def published_out(tmp_path_factory):
    """Folder of an undisturbed full run on one process."""
    out = tmp_path_factory.mktemp("published")
    reproduce(["published"], profile="full", out=out)
    return out
