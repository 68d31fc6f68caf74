"""The drawing of the loop: three steps, two batches, the way back."""

from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from biam.plotting import three_step_loop
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
