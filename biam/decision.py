"""From probabilities to classes: the rule that is best, on average, for the score asked for.

Accuracy wants the most likely class. Scores that give every class the same say want another rule.
It follows from the probabilities alone: no label is needed to find it, so that it does not chase
the noise of a few rows.
"""

import numpy as np

from biam.validation import check_choice

__all__ = ["OBJECTIVES", "decide", "decision_rule", "shifted_weights"]

OBJECTIVES = ("log_loss", "accuracy", "balanced_accuracy", "f1_macro")
"""What a classifier can be asked to do best; log-loss and accuracy share a rule."""

ROUNDS = 100
TINY = 1e-12


def decision_rule(
    proba: np.ndarray, objective: str, weight: np.ndarray | None = None
) -> np.ndarray:
    """Gain and cost of saying each class: say the class with the largest gain * p - cost.

    Parameters
    ----------
    proba : ndarray, shape (n, k)
        Calibrated probabilities of rows like those to come.
    weight : ndarray, shape (n,), optional
        How much each row counts.
    objective : {"log_loss", "accuracy", "balanced_accuracy", "f1_macro"}
        Balanced accuracy: p / prevalence. Macro-F1: F of class c is 2 TP / (said + there), and
        at the best rule each row goes to the class whose expected F gains most (Lipton, Elkan,
        Naryanaswamy 2014, Theorem 1, for each class; found by going from rule to rule).

    Returns
    -------
    rule : ndarray, shape (2, k)

    Raises
    ------
    UnknownNameError
        No such objective.
    """
    check_choice("objective", objective, OBJECTIVES)
    k = proba.shape[1]
    plain = np.stack([np.ones(k), np.zeros(k)])
    weight = np.ones(len(proba)) if weight is None else weight
    there = np.maximum(np.average(proba, 0, weight), TINY)
    if objective == "balanced_accuracy":
        return np.stack([1 / there, np.zeros(k)])
    if objective != "f1_macro":
        return plain
    rules = [plain, np.stack([1 / there, np.zeros(k)])]
    for start in range(2):
        rule = rules[start]
        for _ in range(ROUNDS):
            hit, said = _counts(proba, decide(proba, rule), weight)
            total = said + there
            new = np.stack([2 / total, 2 * hit / total**2])
            if np.allclose(new, rule, rtol=1e-10):
                break
            rule = new
            rules.append(rule)
    return max(rules, key=lambda rule: _expected_f1(proba, decide(proba, rule), weight))


def decide(proba: np.ndarray, rule: np.ndarray) -> np.ndarray:
    """Class of each row under a rule, by position, shape (n,)."""
    return (proba * rule[0] - rule[1]).argmax(1)


def shifted_weights(proba: np.ndarray, proba_meta: np.ndarray) -> np.ndarray:
    """Weights that give rows the class shares of the meta rows, shape (n,).

    Training rows may hold the classes in other proportions than rows to come: each row counts by
    the ratio of the shares, averaged over the classes it may be of (label shift).
    """
    ratio = proba_meta.mean(0) / np.maximum(proba.mean(0), TINY)
    return proba @ ratio


def _counts(
    proba: np.ndarray, said: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Expected share of rows that are hits of each class, and share said to be of it."""
    k, total = proba.shape[1], weight.sum()
    hit = np.bincount(said, weight * proba[np.arange(len(said)), said], minlength=k)
    return hit / total, np.bincount(said, weight, minlength=k) / total


def _expected_f1(proba: np.ndarray, said: np.ndarray, weight: np.ndarray) -> float:
    hit, share = _counts(proba, said, weight)
    there = np.average(proba, 0, weight)
    return float(np.mean(2 * hit / np.maximum(share + there, TINY)))
