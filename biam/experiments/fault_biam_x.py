"""Table `which-strategy`: BIAM-X on a faulty table, with the trusted rows and without."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from biam.datasets.faulty import FaultySplit
from biam.estimators import BIAMClassifier
from biam.experiments.fault_scores import fault_scores

__all__ = ["faulty_biam_x"]


def faulty_biam_x(
    split: FaultySplit, task: str, seed: int, settings: Mapping[str, Any]
) -> dict[str, float]:
    """Fit and score as the networks are.

    Parameters
    ----------
    split : FaultySplit
    task : {"classification"}
    seed : int
    settings : mapping
        "meta": give it the trusted rows. "estimator": keywords of `biam.BIAMClassifier`. "radius":
        of the attack.
    """
    est = BIAMClassifier(random_state=seed, **settings.get("estimator", {}))
    meta = (split.x_meta, split.y_meta) if settings.get("meta") else ()
    est.fit(split.x_train.astype(float), split.y_train, *meta)
    # Gain and cost of the two classes say how likely class 1 must be.
    (gain_0, gain_1), (cost_0, cost_1) = est.decision_rule_
    share = (gain_0 - cost_0 + cost_1) / (gain_0 + gain_1)
    threshold = float(np.log(share / (1 - share)))
    return fault_scores(split, est.decision_function, threshold, settings.get("radius", 0.0))
