"""From probabilities to classes: the rule that is best, on average, for the score asked for.

Accuracy wants the most likely class. Scores that give every class the same say want another rule.
It follows from the probabilities alone: no label is needed to find it, so that it does not chase
the noise of a few rows.
"""

import numpy as np

from biam.validation import check_choice

__all__ = ["OBJECTIVES", "PLAIN", "decide", "decision_rule", "plain_rule", "shifted_weights"]

OBJECTIVES = ("log_loss", "accuracy", "balanced_accuracy", "f1_macro")
"""What a classifier can be asked to do best."""

PLAIN = ("log_loss", "accuracy")
"""Those that want the most likely class, whatever the probabilities."""

ROUNDS, SHIFT_ROUNDS = 100, 1000
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
        Balanced accuracy: p / prevalence. Macro-F1: F of class c is 2 TP / (said + there), and at
        the best rule each row goes to the class whose expected F gains most (Lipton, Elkan,
        Naryanaswamy 2014, Theorem 1, for each class). For two classes all thresholds are tried; for
        more, costs are moved one by one from three starts.

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
    plain = plain_rule(k)
    if objective in PLAIN:
        return plain
    weight = np.ones(len(proba)) if weight is None else weight
    proba, weight = proba[weight > 0], weight[weight > 0]
    there = np.maximum(np.average(proba, 0, weight), TINY)
    balanced = np.stack([1 / there, np.zeros(k)])
    if objective == "balanced_accuracy":
        return balanced
    starts = [plain] if k == 2 else [plain, balanced, _stationary(proba, plain, weight)]
    return max(
        (_ascended(proba, rule, weight) for rule in starts),
        key=lambda rule: _expected_f1(proba, decide(proba, rule), weight),
    )


def plain_rule(n_classes: int) -> np.ndarray:
    """The rule that says the most likely class, shape (2, n_classes)."""
    return np.stack([np.ones(n_classes), np.zeros(n_classes)])


def decide(proba: np.ndarray, rule: np.ndarray) -> np.ndarray:
    """Class of each row under a rule, by position, shape (n,)."""
    return (proba * rule[0] - rule[1]).argmax(1)


def shifted_weights(proba: np.ndarray, proba_meta: np.ndarray) -> np.ndarray:
    """Weights that give rows the class shares of the meta rows, shape (n,).

    Training rows may hold the classes in other proportions than rows to come. With p and q the
    shares of the classes among training rows and rows to come, a row counts
    q(x) / p(x) = 1 / sum_c q(c | x) p_c / q_c (label shift); p is found by EM (Saerens, Latinne,
    Decaestecker 2002).

    Parameters
    ----------
    proba, proba_meta : ndarray, shape (n, k) and (m, k)
        Probabilities under the class shares of the meta rows.
    """
    q = np.maximum(proba_meta.mean(0), TINY)
    ratio = np.ones(proba.shape[1])
    for _ in range(SHIFT_ROUNDS):
        part = proba * ratio / (proba @ ratio)[:, None]
        new = part.mean(0) / q
        if np.allclose(new, ratio, rtol=1e-8):
            break
        ratio = new
    return 1 / (proba @ ratio)


def _stationary(proba: np.ndarray, rule: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Go from rule to rule, each the best one to first order at the last."""
    there = np.maximum(np.average(proba, 0, weight), TINY)
    for _ in range(ROUNDS):
        hit, said = _counts(proba, decide(proba, rule), weight)
        new = np.stack([2 / (said + there), 2 * hit / (said + there) ** 2])
        if np.allclose(new, rule, rtol=1e-10):
            break
        rule = new
    return rule


def _ascended(proba: np.ndarray, rule: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Move the cost of one class after the other to its best value: for two classes, the best."""
    k = proba.shape[1]
    best = _expected_f1(proba, decide(proba, rule), weight)
    for _ in range(ROUNDS):
        before = best
        for c in range(k):
            moved = rule.copy()
            moved[1, c] = _best_cost(proba, rule, c, weight)
            value = _expected_f1(proba, decide(proba, moved), weight)
            if value > best + TINY:
                rule, best = moved, value
        if k == 2 or best <= before:
            break
    return rule


def _best_cost(proba: np.ndarray, rule: np.ndarray, c: int, weight: np.ndarray) -> float:
    """Cost of class `c` at which expected macro-F1 is largest, all other costs as they are."""
    score = proba * rule[0] - rule[1]
    score[:, c] = -np.inf
    other, rows = score.argmax(1), np.arange(len(proba))
    # At a cost below this a row is said to be of class c.
    bound = proba[:, c] * rule[0, c] - score[rows, other]
    order = np.argsort(-bound, kind="stable")
    v, total = weight[order], weight.sum()
    there = np.average(proba, 0, weight)
    others = np.zeros_like(proba)
    others[rows, other[order]] = v
    said = others.sum(0) - np.cumsum(others, 0)
    lost = others * proba[order]
    hit = lost.sum(0) - np.cumsum(lost, 0)
    said[:, c], hit[:, c] = np.cumsum(v), np.cumsum(v * proba[order, c])
    f1 = (2 * hit / np.maximum(said + total * there, TINY)).mean(1)
    sorted_bound = bound[order]
    after = np.append(sorted_bound[1:], sorted_bound[-1] - 1)
    f1[sorted_bound == after] = -1  # equal rows go together
    i = int(f1.argmax())
    return float((sorted_bound[i] + after[i]) / 2)


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
