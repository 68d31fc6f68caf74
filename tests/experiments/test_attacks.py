"""Accuracy falls with the radius; training against attacks holds it up."""

from biam.datasets.coloured import make_plain_digits
from biam.experiments.attacks import RADII, robust

SPLIT = make_plain_digits(n_train=500, n_test=150)
BRIEF = {
    "network": {"hidden": [32]},
    "optimizer": {"name": "adam", "lr": 3e-3},
    "steps": 150,
    "batch_size": 50,
    "attack_steps": 4,
}
AGAINST = {"eps": 0.1, "low": 0.0, "high": 1.0, "clean_share": 0.0}


def test_robust_accuracy_falls_and_training_against_attacks_helps():
    plain, points = robust(SPLIT, "classification", 0, BRIEF)
    shares = [point["value"] for point in points]
    assert [point["x"] for point in points] == list(RADII)
    assert shares == sorted(shares, reverse=True)
    assert plain["accuracy"] == shares[0] > 0.85
    settings = {**BRIEF, "strategy": "adversarial", "options": AGAINST}
    defended, _ = robust(SPLIT, "classification", 0, settings)
    assert defended["robust_accuracy_0.1"] > plain["robust_accuracy_0.1"] + 0.05
