"""The look: contrast on light and dark pages, sizes, one look per method."""

import matplotlib.pyplot as plt
import pytest
from matplotlib.colors import to_hex, to_rgb

from biam.plotting import style
from biam.plotting.style import GREY, PALETTE, WIDTH, axes, legend, method_look, signed

PAGES = ("#ffffff", "#121212", "#14181e")
METHODS = [
    "BIAM",
    "BIAM-B",
    "BIAM-I",
    "BIAM-H",
    "BIAM2",
    "BIAM-X",
    "meta-only",
    "Lasso",
    "SAM",
    "NAM",
    "MLP",
    "XGBoost",
    "XGB-BAL",
    "HGB",
    "EBM",
    "CatBoost",
    "Huber",
    "RANSAC",
    "cleanlab",
    "pyGAM",
    "CNN",
    "CNN-weighted",
    "CNN-meta-only",
]


def luminance(colour):
    parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", PAGES)
def test_text_and_colours_stand_out_on_light_and_dark(page):
    assert contrast(GREY, page) >= 4
    assert min(contrast(colour, page) for colour in PALETTE) >= 3


def test_contrast_is_that_of_the_guidelines():
    assert contrast("#ffffff", "#000000") == pytest.approx(21)


def test_axes_have_no_background_and_grey_text():
    ax = axes()
    ax.set(xlabel="x", ylabel="y")
    ax.plot([0, 1], [0, 1], label="line")
    box = legend(ax)
    ax.figure.canvas.draw()
    assert ax.figure.get_facecolor()[3] == ax.get_facecolor()[3] == 0
    assert not box.get_frame_on()
    texts = [ax.xaxis.label, *ax.get_xticklabels(), *ax.get_yticklabels(), *box.get_texts()]
    assert {to_hex(text.get_color()) for text in texts} == {GREY}


def test_text_is_nine_points_on_a_phone():
    ax = axes()
    ax.figure.canvas.draw()
    # A screen of 390 px leaves 358 for the column; there are 96 of them to an inch.
    shrunk = (358 / 96) / WIDTH
    assert min(t.get_fontsize() for t in ax.get_xticklabels()) * shrunk >= 9
    assert ax.figure.get_figwidth() == WIDTH


@pytest.mark.parametrize(("label", "columns"), [("short", 2), ("a label of many letters", 1)])
def test_long_labels_do_not_widen_the_legend(label, columns):
    ax = axes()
    for _ in range(2):
        ax.plot([0, 1], label=label)
    assert legend(ax)._ncols == columns


def test_each_method_has_its_own_look():
    looks = [method_look(name) for name in METHODS]
    assert len(set(looks)) == len(looks)


def test_calibrated_rivals_keep_colour_and_lose_filling():
    plain, calibrated = method_look("XGBoost"), method_look("XGBoost+meta")
    assert calibrated.colour == plain.colour
    assert (plain.filled, calibrated.filled) == (True, False)
    assert method_look("never heard of").colour == GREY


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "+0.50"), (-0.5, "\N{MINUS SIGN}0.50"), (-0.001, "0.00"), (0.0, "0.00")],
)
def test_signed(value, text):
    assert signed(value) == text


def test_names_are_public():
    assert all(hasattr(style, name) for name in style.__all__)
    assert plt.get_fignums() == []
