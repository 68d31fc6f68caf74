"""AutoBalance: losses, or augmentations, searched for by what the trained model does to its rows.

============ ======================================================================================
module       holds
============ ======================================================================================
`parametric` cross-entropy with a weight, offset, scale and margin for every class and group
`groups`     what to ask of validation rows: one number from the mean losses of classes and groups
`lower`      ordinary training of the lower problem
`design`     the loss as what is searched for
`policies`   the augmentation as what is searched for
`search`     the search
============ ======================================================================================

Source: Li et al. (2021), AutoBalance.
"""

from biam.autobalance.design import LossDesign, loss_hypergradient
from biam.autobalance.groups import Balanced, Blend, EqualOdds, Objective, Plain, WorstGroup
from biam.autobalance.lower import Training
from biam.autobalance.parametric import (
    STARTS,
    ExpectedError,
    LossFamily,
    ParametricCrossEntropy,
    clustered,
    interpolated,
)
from biam.autobalance.policies import OPERATIONS, ClassPolicies, PolicyDesign
from biam.autobalance.search import AutoBalance, Design, Judge, Searched

__all__ = [
    "OPERATIONS",
    "STARTS",
    "AutoBalance",
    "Balanced",
    "Blend",
    "ClassPolicies",
    "Design",
    "EqualOdds",
    "ExpectedError",
    "Judge",
    "LossDesign",
    "LossFamily",
    "Objective",
    "ParametricCrossEntropy",
    "Plain",
    "PolicyDesign",
    "Searched",
    "Training",
    "WorstGroup",
    "clustered",
    "interpolated",
    "loss_hypergradient",
]
