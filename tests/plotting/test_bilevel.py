"""The drawing of the loop, and hypergradients by error: what is drawn where."""

import pandas as pd
import pytest
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from biam.plotting import error_against_cost, error_against_steps, three_step_loop
from biam.plotting.style import FONT, GREY, WIDTH


def test_three_steps_and_two_batches():
    ax = three_step_loop()
    said = [text.get_text() for text in ax.texts]
    assert [s for s in said if s[0] in "123"] == ["1  Lower step", "2  Look ahead", "3  Upper step"]
    assert {"training\nbatch", "meta\nbatch"} <= set(said)
    assert said.count("kept") == 2
    assert said.count("not kept") == 1
    boxes = [patch for patch in ax.patches if isinstance(patch, FancyBboxPatch)]
    arrows = [patch for patch in ax.patches if isinstance(patch, FancyArrowPatch)]
    assert (len(boxes), len(arrows)) == (5, 6)


def test_it_reads_on_a_phone_in_both_modes():
    ax = three_step_loop()
    assert min(text.get_fontsize() for text in ax.texts) >= FONT
    assert all(text.get_color() == GREY for text in ax.texts)
    assert ax.figure.get_facecolor()[3] == 0


def test_nothing_leaves_the_drawing():
    ax = three_step_loop()
    ax.figure.canvas.draw()
    frame = ax.transData.inverted()
    for text in ax.texts:
        box = text.get_window_extent().transformed(frame)
        assert box.x0 >= 0
        assert box.x1 <= WIDTH


def test_drawn_into_the_axes_given():
    first = three_step_loop()
    assert three_step_loop(first) is first


ROWS = pd.DataFrame(
    {
        "method": ["OneStep", "Truncated:n_steps=100", "Truncated:n_steps=10", "Implicit-dense"],
        "ratio": [1.0, 90.0, 9.0, 40.0],
        "relative_error": [0.9, 0.01, 0.3, 0.0],
    }
)


def test_a_line_per_family_ordered_by_cost():
    ax = error_against_cost(ROWS)
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines) == ["OneStep", "Truncated", "Implicit-dense"]
    assert lines["Truncated"].get_xdata().tolist() == [9.0, 90.0]
    assert lines["Truncated"].get_ydata().tolist() == [0.3, 0.01]
    # An error of nothing has its place at the bottom.
    low, high = ax.get_ylim()
    assert low < lines["Implicit-dense"].get_ydata()[0] < 1e-5 < 0.9 < high
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")


def test_families_are_told_apart_without_colour():
    names = [
        "OneStep",
        "Truncated",
        "Unrolled",
        "ForwardMode",
        "FiniteDifference-product",
        "FiniteDifference-solution",
        "Implicit-cg",
        "Implicit-neumann",
        "Implicit-dense",
    ]
    rows = pd.DataFrame({"method": names, "ratio": 1.0, "relative_error": 0.1})
    looks = {(x.get_marker(), x.get_linestyle()) for x in error_against_cost(rows).lines}
    assert len(looks) >= len(names) - 1
    colours = {(x.get_color(), x.get_marker()) for x in error_against_cost(rows).lines}
    assert len(colours) == len(names)


@pytest.mark.parametrize("rate", [None, 0.9])
def test_errors_over_steps_with_the_proven_rate(rate):
    ax = error_against_steps({"Truncated": {1: 0.9, 10: 0.5}, "other": {1: 0.8}}, rate=rate)
    lines = {line.get_label(): line for line in ax.lines}
    assert list(lines["Truncated"].get_xdata()) == [1, 10]
    assert len(lines) == (2 if rate is None else 3)
    if rate:
        guide = ax.lines[-1]
        assert guide.get_ydata()[-1] == pytest.approx(0.9**10)
    assert error_against_steps({"Truncated": {1: 0.9}}, ax=ax) is ax


def test_both_read_on_a_phone():
    for ax in (error_against_cost(ROWS), error_against_steps({"Truncated": {1: 0.9}})):
        assert ax.figure.get_figwidth() == WIDTH
        assert all(text.get_fontsize() >= FONT for text in ax.get_legend().get_texts())
