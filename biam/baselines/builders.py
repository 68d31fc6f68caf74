"""How each rival is built: one function per setting, (task, seed) -> estimator on tables.

Every learner runs on one thread; the cells of a table are what runs side by side.
"""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import HuberRegressor, LassoCV, RidgeCV
from sklearn.neural_network import MLPClassifier, MLPRegressor

from biam.baselines.extra import load_extra
from biam.baselines.linear import L1LogisticCV, SteadyRANSAC, ridge_logistic
from biam.baselines.mgam import MGAMClassifier, MGAMRegressor
from biam.baselines.neural import NAMClassifier, NAMRegressor
from biam.baselines.resampled import CleanedClassifier, CleanedRegressor, SmoteClassifier
from biam.baselines.splines import PyGAMClassifier, PyGAMRegressor
from biam.baselines.tabular import TableClassifier, TableRegressor

Estimator = TableRegressor | TableClassifier

HELD_OUT = 0.15
PATIENCE = 30
STRENGTHS = tuple(np.logspace(-3, 3, 13))


def lasso(task: str, seed: int) -> Estimator:
    """LassoCV (3 folds, 50 strengths) or L1 logistic (3 folds)."""
    if task == "regression":
        return TableRegressor(LassoCV(cv=3, alphas=50, random_state=seed), "mean")
    return TableClassifier(L1LogisticCV(cv=3, random_state=seed), "mean")


def lasso_fair(task: str, seed: int) -> Estimator:
    """The same with 5 folds, standardised inputs and missing indicators."""
    if task == "regression":
        return TableRegressor(LassoCV(cv=5, alphas=50, random_state=seed))
    return TableClassifier(L1LogisticCV(cv=5, scoring="neg_log_loss", random_state=seed))


def sam(task: str, seed: int) -> Estimator:
    """Cubic splines with 8 knots, then RidgeCV (13 strengths) or L1 logistic."""
    if task == "regression":
        return TableRegressor(RidgeCV(alphas=STRENGTHS), "mean", n_knots=8)
    return TableClassifier(L1LogisticCV(cv=3, random_state=seed), "mean", n_knots=8)


def sam_fair(task: str, seed: int) -> Estimator:
    """The same with knots at quantiles, missing indicators and, for classes, a ridge penalty too.

    The L1 penalty on hundreds of correlated spline columns costs a hundred times as much.
    """
    splines: dict[str, Any] = {"n_knots": 8, "knots": "quantile"}
    if task == "regression":
        return TableRegressor(RidgeCV(alphas=STRENGTHS), **splines)
    return TableClassifier(ridge_logistic(), **splines)


def nam(task: str, seed: int) -> Estimator:
    """300 epochs of Adam at 1e-3, batches of 256."""
    if task == "regression":
        return TableRegressor(NAMRegressor(random_state=seed), "mean")
    return TableClassifier(NAMClassifier(random_state=seed), "mean")


def nam_fair(task: str, seed: int) -> Estimator:
    """The same, stopped on a validation part, targets scaled."""
    options: dict[str, Any] = {"validation": HELD_OUT, "random_state": seed}
    if task == "regression":
        return TableRegressor(NAMRegressor(**options), scale_target=True)
    return TableClassifier(NAMClassifier(**options))


def mlp(task: str, seed: int) -> Estimator:
    """p-64-32-1, 300 epochs of Adam at 1e-3, batches of 256, no penalty."""
    # No tolerance and more patience than epochs: all of them are run.
    options = _mlp_options(seed) | {"tol": 0.0, "n_iter_no_change": 301}
    if task == "regression":
        return TableRegressor(MLPRegressor(**options), "mean")
    return TableClassifier(MLPClassifier(**options), "mean")


def mlp_fair(task: str, seed: int) -> Estimator:
    """The same, stopped on a validation part, targets scaled."""
    options = _mlp_options(seed) | {
        "early_stopping": True,
        "validation_fraction": HELD_OUT,
        "n_iter_no_change": PATIENCE,
    }
    if task == "regression":
        return TableRegressor(MLPRegressor(**options), scale_target=True)
    return TableClassifier(MLPClassifier(**options))


def _mlp_options(seed: int) -> dict[str, Any]:
    return {
        "hidden_layer_sizes": (64, 32),
        "alpha": 0.0,
        "batch_size": 256,
        "learning_rate_init": 1e-3,
        "max_iter": 300,
        "random_state": seed,
    }


def xgboost(task: str, seed: int) -> Estimator:
    """300 trees of depth 3 at rate 0.1, histograms."""
    learner = _xgb(task, seed, n_estimators=300)
    return _on_table(task, learner, "mean")


def xgboost_fair(task: str, seed: int) -> Estimator:
    """Up to 1000 such trees, stopped on a validation part; gaps stay."""
    learner = _xgb(task, seed, n_estimators=1000, early_stopping_rounds=PATIENCE)
    return _on_table(task, learner, "codes", validation=HELD_OUT, random_state=seed)


def xgb_balanced(task: str, seed: int) -> Estimator:
    """XGBoost as published, classes weighing the same."""
    learner = _xgb(task, seed, n_estimators=300)
    return TableClassifier(learner, "mean", balance=True)


def xgb_balanced_fair(task: str, seed: int) -> Estimator:
    """XGBoost as in the fair setting, classes weighing the same, stopped by AUROC."""
    learner = _xgb(task, seed, n_estimators=1000, early_stopping_rounds=PATIENCE, eval_metric="auc")
    options: dict[str, Any] = {"validation": HELD_OUT, "balance": True, "random_state": seed}
    return TableClassifier(learner, "codes", **options)


def _xgb(task: str, seed: int, **options: Any) -> Any:
    package = load_extra("xgboost")
    kind = package.XGBRegressor if task == "regression" else package.XGBClassifier
    common = {"max_depth": 3, "learning_rate": 0.1, "tree_method": "hist", "n_jobs": 1}
    return kind(**common, random_state=seed, **options)


def hgb(task: str, seed: int) -> Estimator:
    """scikit-learn's defaults with early stopping."""
    return _on_table(task, _hgb(task, seed), "codes")


def _hgb(task: str, seed: int, max_iter: int = 300) -> Any:
    regression = task == "regression"
    kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
    return kind(
        max_iter=max_iter, early_stopping=True, validation_fraction=HELD_OUT, random_state=seed
    )


def ebm(task: str, seed: int) -> Estimator:
    """The library's defaults on inputs without gaps."""
    return _on_table(task, _ebm(task, seed), "mean")


def ebm_fair(task: str, seed: int) -> Estimator:
    """The library's defaults with gaps, 8 outer bags, pairs on 16 bins a side."""
    # For the price alone: 64 bins a side, the default, cost seven times as much on 840 rows.
    learner = _ebm(task, seed, outer_bags=8, max_interaction_bins=16)
    return _on_table(task, learner, "codes")


def ebm_main(task: str, seed: int) -> Estimator:
    """Main effects only."""
    return _on_table(task, _ebm(task, seed, outer_bags=8, interactions=0), "codes")


def _ebm(task: str, seed: int, **options: Any) -> Any:
    package = load_extra("interpret.glassbox")
    regression = task == "regression"
    kind = (
        package.ExplainableBoostingRegressor
        if regression
        else (package.ExplainableBoostingClassifier)
    )
    return kind(n_jobs=1, random_state=seed, **options)


def catboost(task: str, seed: int) -> Estimator:
    """300 trees of depth 4 at rate 0.1; gaps stay."""
    return _on_table(task, _catboost(task, seed, iterations=300), "labels")


def catboost_fair(task: str, seed: int) -> Estimator:
    """Up to 1000 such trees, stopped on a validation part."""
    learner = _catboost(task, seed, iterations=1000, early_stopping_rounds=PATIENCE)
    return _on_table(task, learner, "labels", validation=HELD_OUT, random_state=seed)


def _catboost(task: str, seed: int, **options: Any) -> Any:
    package = load_extra("catboost")
    kind = package.CatBoostRegressor if task == "regression" else package.CatBoostClassifier
    quiet = {"verbose": False, "allow_writing_files": False, "thread_count": 1}
    return kind(depth=4, learning_rate=0.1, random_seed=seed, **quiet, **options)


def huber(task: str, seed: int) -> Estimator:
    """Linear, epsilon 1.35, alpha 1e-4."""
    return TableRegressor(HuberRegressor(epsilon=1.35, alpha=1e-4, max_iter=1000), "mean")


def huber_fair(task: str, seed: int) -> Estimator:
    """The same with missing indicators."""
    return TableRegressor(HuberRegressor(epsilon=1.35, alpha=1e-4, max_iter=1000))


def ransac(task: str, seed: int) -> Estimator:
    """Linear, 200 trials."""
    return TableRegressor(SteadyRANSAC(max_trials=200, random_state=seed), "mean")


def ransac_fair(task: str, seed: int) -> Estimator:
    """The same with missing indicators and 1000 trials."""
    return TableRegressor(SteadyRANSAC(max_trials=1000, random_state=seed))


def cleanlab(task: str, seed: int) -> Estimator:
    """Label issues dropped, then HGB."""
    if task == "regression":
        inner = _hgb(task, seed, max_iter=50)
        return TableRegressor(CleanedRegressor(inner, n_boot=1, random_state=seed), "native")
    return TableClassifier(CleanedClassifier(_hgb(task, seed), random_state=seed), "native")


def balanced_forest(task: str, seed: int) -> Estimator:
    """Random forest whose every tree sees as many rows of each class."""
    package = load_extra("imblearn.ensemble")
    learner = package.BalancedRandomForestClassifier(n_jobs=1, random_state=seed)
    return TableClassifier(learner, "native")


def smote_hgb(task: str, seed: int) -> Estimator:
    """SMOTE on complete inputs, then HGB."""
    return TableClassifier(SmoteClassifier(_hgb(task, seed), random_state=seed))


def pygam(task: str, seed: int) -> Estimator:
    """Penalised splines, smoothness by generalised cross-validation."""
    kind = PyGAMRegressor if task == "regression" else PyGAMClassifier
    return _on_table(task, kind(), "impute")


def mgam(task: str, seed: int) -> Estimator:
    """The authors' quick start: exponential loss, smallest penalty of their grid."""
    if task == "regression":
        # Not in the paper: the same choice with squared loss.
        return TableRegressor(MGAMRegressor(validation=0.0, random_state=seed), "native")
    learner = MGAMClassifier(loss="Exponential", validation=0.0, random_state=seed)
    return TableClassifier(learner, "native")


def mgam_fair(task: str, seed: int) -> Estimator:
    """Penalty chosen on a validation part; logistic or squared loss."""
    if task == "regression":
        return TableRegressor(MGAMRegressor(random_state=seed), "native")
    return TableClassifier(MGAMClassifier(random_state=seed), "native")


def _on_table(task: str, learner: Any, inputs: str, **options: Any) -> Estimator:
    kind = TableRegressor if task == "regression" else TableClassifier
    return kind(learner, inputs, **options)
