"""The rivals by name: where each comes from, as published, and as its own authors would run it.

Published: the settings of the BIAM experiments (protocol section 5), inputs filled by the mean.
Fair: gaps as the learner likes them best, settings chosen on the training rows alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

from biam.baselines import builders
from biam.exceptions import InvalidInputError
from biam.validation import check_choice, check_integer

__all__ = ["RIVALS", "Rival", "make_rival", "rival_names"]

BOTH = ("regression", "classification")


@dataclass(frozen=True)
class Rival:
    """One rival.

    Parameters
    ----------
    name : str
        As in the tables.
    tasks : tuple of {"regression", "classification"}
    reference : str
        Where the method comes from.
    package : str
        Distribution that implements it, as pip calls it.
    fair : callable
        ``(task, seed, **options)`` -> estimator.
    published : callable, optional
        The same with the published settings; None where nothing was published.
    handles_nan : bool
        The learner itself takes gaps; else they are filled, and marked, before it.
    note : str
        What a reader of its numbers should know.
    """

    name: str
    tasks: tuple[str, ...]
    reference: str
    package: str
    fair: Callable[..., Any]
    published: Callable[..., Any] | None = None
    handles_nan: bool = False
    note: str = ""

    @property
    def version(self) -> str | None:
        """Installed version of the package; None where it is not installed."""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            return None

    @property
    def settings(self) -> tuple[str, ...]:
        """Settings it can be made in."""
        return ("fair",) if self.published is None else ("published", "fair")


def rival_names(task: str, setting: str = "fair") -> tuple[str, ...]:
    """Names of the rivals for a task and setting, in the order of the registry."""
    check_choice("task", task, BOTH)
    check_choice("setting", setting, ("published", "fair"))
    return tuple(n for n, r in RIVALS.items() if task in r.tasks and setting in r.settings)


def make_rival(
    name: str, task: str, setting: str = "published", random_state: int = 0, **options: Any
) -> Any:
    """Build a rival, ready to fit arrays or data frames with gaps and categories.

    Parameters
    ----------
    name : str
        A key of `RIVALS`.
    task : {"regression", "classification"}
    setting : {"published", "fair"}
    random_state : int
        Seed of all that is random in it.
    **options
        Parameters of the learner inside that replace those of the setting.

    Returns
    -------
    estimator
        ``fit(X, y, sample_weight=None)``, ``predict`` and, for classes, ``predict_proba``.

    Raises
    ------
    UnknownNameError
        Unknown rival, task or setting.
    InvalidInputError
        The rival is not for this task, or has no published setting.
    MissingExtraError
        Its package is not installed.
    """
    rival = RIVALS[check_choice("rival", name, RIVALS)]
    check_choice("setting", setting, ("published", "fair"))
    check_integer("random_state", random_state)
    if check_choice("task", task, BOTH) not in rival.tasks:
        raise InvalidInputError(f"{name} is for {rival.tasks[0]} only, got task={task!r}.")
    build = getattr(rival, setting)
    if build is None:
        raise InvalidInputError(f"{name} has no published setting: use setting='fair'.")
    model = build(task, random_state)
    return model.set_params(**{f"estimator__{key}": value for key, value in options.items()})


RIVALS: dict[str, Rival] = {
    rival.name: rival
    for rival in (
        Rival(
            "Lasso",
            BOTH,
            "Tibshirani (1996), Regression shrinkage and selection via the lasso",
            "scikit-learn",
            builders.lasso_fair,
            builders.lasso,
            note="Classification: L1 logistic. Fair: indicators, 5 folds by log-loss.",
        ),
        Rival(
            "SAM",
            BOTH,
            "Ravikumar et al. (2009), Sparse additive models; here cubic splines and ridge",
            "scikit-learn",
            builders.sam_fair,
            builders.sam,
            note="Fair: knots at quantiles, indicators. Classes: L1 logistic as published, "
            "ridge if fair.",
        ),
        Rival(
            "NAM",
            BOTH,
            "Agarwal et al. (2021), Neural additive models",
            "torch",
            builders.nam_fair,
            builders.nam,
            note="Our own code. Fair: 15 % of the rows stop it, targets scaled, indicators.",
        ),
        Rival(
            "MLP",
            BOTH,
            "Rumelhart et al. (1986); Kingma & Ba (2015), Adam",
            "scikit-learn",
            builders.mlp_fair,
            builders.mlp,
            note="Fair: 15 % of the rows stop it, targets scaled, indicators.",
        ),
        Rival(
            "XGBoost",
            BOTH,
            "Chen & Guestrin (2016), XGBoost: a scalable tree boosting system",
            "xgboost-cpu",
            builders.xgboost_fair,
            builders.xgboost,
            handles_nan=True,
            note="Fair: NaN and categories native, up to 1000 trees stopped on 15 % of the rows.",
        ),
        Rival(
            "XGB-BAL",
            ("classification",),
            "Chen & Guestrin (2016), with classes that weigh the same",
            "xgboost-cpu",
            builders.xgb_balanced_fair,
            builders.xgb_balanced,
            handles_nan=True,
            note="Two classes: scale_pos_weight. Probabilities are not calibrated by design. Fair: "
            "stopped by the held-out AUROC.",
        ),
        Rival(
            "HGB",
            BOTH,
            "Ke et al. (2017), LightGBM; scikit-learn's histogram gradient boosting",
            "scikit-learn",
            builders.hgb,
            handles_nan=True,
            note="Library defaults, but stopped early on 15 % of the rows (up to 300 trees).",
        ),
        Rival(
            "EBM",
            BOTH,
            "Lou et al. (2013), Accurate intelligible models with pairwise interactions",
            "interpret-core",
            builders.ebm_fair,
            builders.ebm,
            handles_nan=True,
            note="Published: defaults on filled gaps. Fair: NaN native; for their price 8 outer "
            "bags, not 14, and pairs on 16 bins a side, not 64.",
        ),
        Rival(
            "EBM-main",
            BOTH,
            "Lou et al. (2012), Intelligible models for classification and regression",
            "interpret-core",
            builders.ebm_main,
            handles_nan=True,
            note="EBM without pairs; 8 outer bags, not 14.",
        ),
        Rival(
            "CatBoost",
            BOTH,
            "Prokhorenkova et al. (2018), CatBoost: unbiased boosting with categorical features",
            "catboost",
            builders.catboost_fair,
            builders.catboost,
            handles_nan=True,
            note="Fair: up to 1000 trees stopped on 15 % of the rows, categories native.",
        ),
        Rival(
            "Huber",
            ("regression",),
            "Huber (1964), Robust estimation of a location parameter",
            "scikit-learn",
            builders.huber_fair,
            builders.huber,
            note="Linear. Fair: indicators added.",
        ),
        Rival(
            "RANSAC",
            ("regression",),
            "Fischler & Bolles (1981), Random sample consensus",
            "scikit-learn",
            builders.ransac_fair,
            builders.ransac,
            note="Linear. Without a consensus set the residual threshold is doubled until one is "
            "found.",
        ),
        Rival(
            "cleanlab",
            BOTH,
            "Northcutt et al. (2021), Confident learning; Zhou et al. (2023) for regression",
            "cleanlab",
            builders.cleanlab,
            handles_nan=True,
            note="Around HGB. Regression: smaller HGB and 1 bootstrap, not 5, for its price.",
        ),
        Rival(
            "balanced-forest",
            ("classification",),
            "Chen, Liaw & Breiman (2004), Using random forest to learn imbalanced data",
            "imbalanced-learn",
            builders.balanced_forest,
            handles_nan=True,
            note="Library defaults. Probabilities are those of balanced classes.",
        ),
        Rival(
            "SMOTE-HGB",
            ("classification",),
            "Chawla et al. (2002), SMOTE",
            "imbalanced-learn",
            builders.smote_hgb,
            note="SMOTE refuses NaN: gaps filled and marked. Probabilities are those of balanced "
            "classes.",
        ),
        Rival(
            "pyGAM",
            BOTH,
            "Servén & Brummitt (2018), pyGAM; Wood (2017), Generalized additive models",
            "pygam",
            builders.pygam,
            note="20 splines per feature (10 above 20 features), one smoothness by GCV of three.",
        ),
        Rival(
            "M-GAM",
            BOTH,
            "McTavish et al. (2024), Interpretable GAMs for datasets with missing values",
            "fastsparsegams",
            builders.mgam_fair,
            builders.mgam,
            handles_nan=True,
            note="Its recipe, coded by us. Published: the quick start (exponential loss, smallest "
            "penalty; regression by squared loss is ours). Fair: logistic or squared loss, penalty "
            "chosen on 20 % of the training rows.",
        ),
    )
}
"""All rivals by name."""
