"""Pictures: stored curves become the maps they were, titles say what is wrong."""

import numpy as np
import pandas as pd
import pytest

from biam.exceptions import InvalidInputError
from biam.plotting.images import image_grid, maps_from_curves, pixel_importance
from biam.plotting.style import GREY, VERMILLION, WIDTH

MAPS = {name: np.arange(6.0).reshape(2, 3) * (k + 1) for k, name in enumerate(["cat", "dog"])}


def stored(maps):
    return pd.DataFrame(
        [
            {"curve": f"importance:{name}", "x": float(i), "z": float(j), "value": value}
            for name, picture in maps.items()
            for (i, j), value in np.ndenumerate(picture)
        ]
        + [{"curve": "suspect", "x": 0.0, "z": 5.0, "value": 0.1}]
    )


def test_curves_become_maps_in_any_order_of_rows():
    maps = maps_from_curves(stored(MAPS))
    assert list(maps) == ["cat", "dog"]
    mixed = maps_from_curves(stored(MAPS).sample(frac=1, random_state=0))
    for name, picture in MAPS.items():
        np.testing.assert_array_equal(maps[name], picture)
        np.testing.assert_array_equal(mixed[name], picture)


@pytest.mark.parametrize(
    "table", [pd.concat([stored(MAPS)] * 2), stored(MAPS).iloc[1:], stored({})]
)
def test_curves_of_several_cells_or_of_none_are_refused(table):
    with pytest.raises(InvalidInputError, match="must hold"):
        maps_from_curves(table)


def test_classes_share_one_scale_unless_told():
    pictures = [ax.images[0] for ax in pixel_importance(MAPS).axes[:2]]
    assert [picture.get_clim() for picture in pictures] == [(0, 10), (0, 10)]
    np.testing.assert_array_equal(pictures[1].get_array(), MAPS["dog"])
    own = pixel_importance(MAPS, shared_scale=False)
    assert [ax.images[0].get_clim() for ax in own.axes] == [(0, 5), (0, 10)]
    assert [ax.get_title() for ax in own.axes] == ["cat", "dog"]


def test_nothing_important_shows_the_page():
    fig = pixel_importance({"cat": np.zeros((2, 2))}, shared_scale=False)
    image = fig.axes[0].images[0]
    assert image.cmap(image.norm(0.0))[3] == 0


def test_no_panel_and_no_bar_has_a_ground_of_its_own():
    assert [ax.get_facecolor()[3] for ax in pixel_importance(MAPS).axes] == [0, 0, 0]


def test_panels_stand_in_lines():
    fig = pixel_importance({str(k): np.ones((2, 2)) for k in range(5)}, columns=3)
    grid = fig.axes[0].get_subplotspec().get_gridspec()
    assert (grid.nrows, grid.ncols) == (2, 3)
    assert fig.get_figwidth() == WIDTH


def test_titles_say_what_is_wrong():
    images = np.zeros((2, 4, 4), np.uint8)
    fig = image_grid(images, [0, 1], [0, 2], [1.25, 0.00004], class_names=["cat", "dog", "cow"])
    right, wrong = fig.axes
    assert (right.get_title(), wrong.get_title()) == ("cat", "dog\nis cow")
    assert (right.title.get_color(), wrong.title.get_color()) == (GREY, VERMILLION)
    assert [ax.get_xlabel() for ax in fig.axes] == ["1.2", "4e-05"]


def test_colours_are_the_picture():
    images = np.random.default_rng(0).integers(0, 255, (1, 4, 4, 3)).astype(np.uint8)
    (ax,) = image_grid(images, [3]).axes
    np.testing.assert_array_equal(ax.images[0].get_array(), images[0])
    assert (ax.get_title(), ax.get_xlabel()) == ("3", "")


@pytest.mark.parametrize("n", [0, 3])
def test_lengths_must_agree(n):
    with pytest.raises(InvalidInputError, match="length"):
        image_grid(np.zeros((n, 4, 4), np.uint8), [1] * (2 if n else 0))
