"""Table `which-strategy`: one small network on a faulty table, trained with one strategy."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from biam.datasets.faulty import FaultySplit
from biam.experiments.fault_scores import fault_scores
from biam.experiments.mitigation import fitted, outputs
from biam.mitigation.smote import Smote
from biam.validation import check_choice

__all__ = ["faulty_network"]


def faulty_network(
    split: FaultySplit, task: str, seed: int, settings: Mapping[str, Any]
) -> dict[str, float]:
    """Train by `biam.experiments.mitigation.fitted` and score the last model.

    Parameters
    ----------
    split : FaultySplit
    task : {"classification"}
    seed : int
    settings : mapping
        As for `biam.experiments.mitigation.strategy`, and "rows": "train" (default), "train+meta"
        or "meta". "domain": "attribute" makes the attribute the groups; "target" adds the
        unlabelled rows as group 1, whose labels no objective may read. "smote": keywords of
        `Smote`, which evens the groups. "move_threshold": say class 1 above its share among the
        training rows instead of above one half. "radius": of the attack. Adversarial
        training moves what an attack can move.
    """
    data = _rows(split, settings.get("rows", "train"))
    if "smote" in settings:
        data = _evened(data, settings["smote"], seed)
    data = _with_domain(data, settings.get("domain", ""))
    if settings.get("strategy") == "adversarial":
        fixed = torch.as_tensor(~split.movable)
        settings = {**settings, "options": {**settings.get("options", {}), "fixed": fixed}}
    model, _ = fitted(data, seed, settings)
    threshold = 0.0
    if settings.get("move_threshold"):
        share = split.y_train.mean()
        threshold = float(np.log(share / (1 - share)))
    return fault_scores(
        split, lambda x: outputs(model, x)[:, 0].numpy(), threshold, settings.get("radius", 0.0)
    )


def _rows(split: FaultySplit, which: str) -> FaultySplit:
    """The split with other training rows; trusted rows have no group."""
    check_choice("rows", which, ("train", "train+meta", "meta"))
    if which == "train":
        return split
    first = slice(None) if which == "train+meta" else slice(0, 0)
    y = np.concatenate([split.y_train[first], split.y_meta])
    return replace(
        split,
        x_train=np.concatenate([split.x_train[first], split.x_meta]),
        y_train=y,
        g_train=np.zeros_like(y),
    )


def _evened(split: FaultySplit, options: Mapping[str, Any], seed: int) -> FaultySplit:
    """SMOTE of every group but the largest; the label of a new row is that of its group."""
    nominal = tuple(np.flatnonzero(~split.movable).tolist())
    smote = Smote(nominal=nominal, random_state=seed, **options)
    x, groups = smote.fit_resample(split.x_train, split.g_train)
    label = dict(zip(split.g_train.tolist(), split.y_train.tolist(), strict=True))
    y = np.array([label[group] for group in groups.tolist()])
    return replace(split, x_train=x.astype(np.float32), y_train=y, g_train=groups)


def _with_domain(split: FaultySplit, domain: str) -> FaultySplit:
    """The split with domains for groups: the attribute, or training rows and unlabelled ones."""
    check_choice("domain", domain, ("", "attribute", "target"))
    if domain == "attribute":
        return replace(split, g_train=split.a_train)
    if domain == "target":
        sizes = len(split.x_train), len(split.x_target)
        return replace(
            split,
            x_train=np.concatenate([split.x_train, split.x_target]),
            y_train=np.concatenate([split.y_train, np.zeros(sizes[1], dtype=np.int64)]),
            g_train=np.repeat([0, 1], sizes),
        )
    return split
