"""Table `mitigation`: accuracy under attack of networks trained with and without attacks."""

from collections.abc import Mapping
from typing import Any

import torch

from biam.datasets.grouped import GroupedSplit
from biam.experiments.mitigation import fitted, right_answers
from biam.mitigation.adversarial import Attack, pgd

__all__ = ["RADII", "robust"]

RADII = (0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3)
"""Radii of the attack in the largest entry, for inputs in [0, 1]."""


def robust(
    split: GroupedSplit, task: str, seed: int, settings: Mapping[str, Any]
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    """Train by `biam.experiments.mitigation.fitted`, then attack every test row.

    Parameters
    ----------
    split : GroupedSplit
        Inputs in [0, 1].
    task : {"classification"}
    seed : int
    settings : mapping
        As for `biam.experiments.mitigation.strategy`. "attack_steps": of the projected gradient,
        default 10.

    Returns
    -------
    metrics : dict of str to float
        `accuracy` and `robust_accuracy_R` at each radius R.
    curves : list of dict
        "robust_accuracy": over the radius x.
    """
    model, loss = fitted(split, seed, settings)
    x, y = torch.as_tensor(split.x_test), torch.as_tensor(split.y_test)
    shares = {}
    for radius in RADII:
        attack = Attack(radius, low=0.0, high=1.0)
        moved = pgd(model, loss, x, y, attack, steps=settings.get("attack_steps", 10))
        shares[radius] = float(right_answers(model, moved, split.y_test).mean())
    values = {"accuracy": shares[0.0]}
    values |= {f"robust_accuracy_{radius:g}": share for radius, share in shares.items() if radius}
    points = [
        {"curve": "robust_accuracy", "x": radius, "z": None, "value": share}
        for radius, share in shares.items()
    ]
    return values, points
