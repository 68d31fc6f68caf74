"""Data of the blocks E1 and E4: the additive regression under one of the noise families."""

from biam.datasets.synthetic import Split, add_label_noise, make_additive_regression

__all__ = ["make_noisy_regression"]


def make_noisy_regression(
    family: str = "clean",
    *,
    block: str = "e1",
    n_samples: int = 1200,
    n_features: int = 10,
    random_state: int = 42,
) -> Split:
    """Additive regression with a noise family of E1 or E4 on the training labels.

    Parameters
    ----------
    family : str
        "clean", or a key of `biam.datasets.synthetic.LABEL_NOISE`.
    block : {"e1", "e4"}
        Which experiment's random stream.
    n_samples, n_features, random_state
        As in `make_additive_regression`.
    """
    split = make_additive_regression(n_samples, n_features, random_state=random_state)
    if family == "clean":
        return split
    return add_label_noise(split, family, block=block, seed=random_state)
