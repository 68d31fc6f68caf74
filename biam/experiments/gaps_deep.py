"""Deep imputers as methods of table `impute-or-model`, in a module of their own.

A cell of the classical imputers does not depend on the code of the deep ones.
"""

from collections.abc import Mapping
from typing import Any

from biam.experiments.gaps import Gappy, Points, predict_with_gaps
from biam.imputation.miwae import MIWAEImputer, NotMIWAEImputer
from biam.validation import check_choice

__all__ = ["DEEP", "make_deep_imputer", "predict_with_deep_gaps"]

DEEP = {"MIWAE": MIWAEImputer, "not-MIWAE": NotMIWAEImputer}
"""Deep imputers by their names in the table."""


def make_deep_imputer(name: str, random_state: int, **options: Any) -> Any:
    """A deep imputer by name, without a progress bar.

    Raises
    ------
    UnknownNameError
        Unknown name.
    """
    kind = DEEP[check_choice("deep imputer", name, DEEP)]
    return kind(random_state=random_state, progress=False, **options)


def predict_with_deep_gaps(
    data: Gappy, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], Points]:
    """`biam.experiments.gaps.predict_with_gaps` with the imputers of `DEEP`."""
    return predict_with_gaps(data, task, seed, settings, make=make_deep_imputer)
