"""Pairs: strengths in both triangles, surfaces on one scale, a dot per seed."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

from biam.exceptions import InvalidInputError
from biam.plotting.style import VERMILLION
from biam.plotting.surfaces import pair_auprc, pair_strengths, pair_surfaces, surface_map

STRENGTH = pd.DataFrame({"x": [0, 0, 1], "z": [1, 2, 2], "value": [0.5, 0.1, 0.2]})
GRID = np.array([(x, z) for x in (-1.0, 0.0, 1.0) for z in (-2.0, 2.0)])
SURFACES = pd.concat(
    [
        pd.DataFrame(
            {
                "method": m,
                "curve": name,
                "x": GRID[:, 0],
                "z": GRID[:, 1],
                "value": size * GRID.prod(1),
            }
        )
        for m, size in (("truth", 1.0), ("BIAM2", -0.5))
        for name in ("x4 x5", "x6 x7")
    ]
)
RESULTS = pd.DataFrame(
    {
        "scenario": ["pairs/int_clean"] * 4 + ["pairs/int_mnar"] * 2,
        "method": ["BIAM2", "BIAM2", "EBM", "EBM", "BIAM2", "EBM"],
        "seed": [42, 7, 42, 7, 42, 42],
        "value": [0.5, 0.75, 1.0, 1.0, 0.25, 0.5],
    }
)


def test_strengths_are_on_both_sides_and_planted_pairs_are_framed():
    ax = pair_strengths(STRENGTH, [(1, 2)])
    shown = np.asarray(ax.images[0].get_array())
    np.testing.assert_array_equal(shown, [[0, 0.5, 0.1], [0.5, 0, 0.2], [0.1, 0.2, 0]])
    frames = [(p.get_x() + 0.5, p.get_y() + 0.5) for p in ax.patches]
    assert frames == [(1, 2), (2, 1)]
    assert {to_hex(p.get_edgecolor()) for p in ax.patches} == {VERMILLION}
    assert [t.get_text() for t in ax.get_xticklabels()] == ["x0", "x1", "x2"]


def test_surfaces_are_the_rows_on_one_scale():
    fig = pair_surfaces(SURFACES, "truth", "BIAM2")
    panels = [ax for ax in fig.axes if ax.get_xlabel()]
    assert [ax.get_title() for ax in panels] == ["truth", "BIAM2", "", ""]
    for ax, size in zip(panels, (1, -0.5, 1, -0.5), strict=True):
        (mesh,) = ax.collections
        np.testing.assert_allclose(
            mesh.get_array(), [[2 * size, 0, -2 * size], [-2 * size, 0, 2 * size]]
        )
        assert mesh.get_clim() == (-2, 2)
    assert panels[0].get_xlabel() == "x4"
    assert panels[2].get_ylabel() == "x7"


def test_zero_shows_the_page_and_signs_have_two_colours():
    ax = pair_surfaces(SURFACES, "truth", "BIAM2").axes[0]
    colour = ax.collections[0].get_cmap()
    assert colour(0.5)[3] < 0.01
    assert to_hex(colour(0.0)) == VERMILLION != to_hex(colour(1.0))
    assert colour(0.75)[3] == pytest.approx(0.5, abs=0.02)


def test_a_surface_with_holes_or_a_method_without_is_refused():
    with pytest.raises(InvalidInputError, match="full grid"):
        pair_surfaces(SURFACES[1:], "truth", "BIAM2")
    with pytest.raises(InvalidInputError, match="'EBM'"):
        pair_surfaces(SURFACES, "truth", "EBM")
    one = SURFACES[(SURFACES["method"] == "truth") | (SURFACES["curve"] == "x4 x5")]
    with pytest.raises(InvalidInputError, match="'x6 x7'"):
        pair_surfaces(one, "truth", "BIAM2")


def test_bars_are_means_and_dots_are_seeds():
    ax = pair_auprc(RESULTS)
    widths = {round(bar.get_y() + bar.get_height() / 2, 6): bar.get_width() for bar in ax.patches}
    assert widths == {0.2: 0.625, -0.2: 1.0, -0.8: 0.25, -1.2: 0.5}
    ours, rival = ax.lines
    np.testing.assert_array_equal(ours.get_xdata(), [0.5, 0.75, 0.25])
    np.testing.assert_allclose(ours.get_ydata(), [0.2, 0.2, -0.8])
    np.testing.assert_allclose(rival.get_ydata(), [-0.2, -0.2, -1.2])
    assert [t.get_text() for t in ax.get_yticklabels()] == ["int_clean", "int_mnar"]


@pytest.mark.parametrize(
    ("function", "table", "column"),
    [
        (pair_strengths, STRENGTH, "z"),
        (lambda table: pair_surfaces(table, "truth", "BIAM2"), SURFACES, "z"),
        (pair_auprc, RESULTS, "seed"),
    ],
)
def test_absent_columns_are_named(function, table, column):
    with pytest.raises(InvalidInputError, match=f"lacks the columns {column}"):
        function(table.drop(columns=column))


PAIR = pd.DataFrame(
    [("a b", "a", "b", x, z, x * z) for x in (-1.0, 0.0, 3.0) for z in (-2.0, 2.0)]
    + [
        ("a c", "a", "c", x, z, x * size) for x in (-1.0, 3.0) for z, size in (("q", 1.0), ("p", 0))
    ],
    columns=["term", "first", "second", "x", "z", "effect"],
)


def mesh_of(ax):
    (mesh,) = ax.collections
    return mesh


def test_a_surface_is_straight_between_its_knots_and_symmetric_in_colour():
    ax = surface_map(PAIR, "a b")
    mesh = mesh_of(ax)
    values = np.asarray(mesh.get_array())
    x, z = np.linspace(-1, 3, 80), np.linspace(-2, 2, 80)
    np.testing.assert_allclose(values, np.outer(z, x), atol=1e-12)
    assert mesh.get_clim() == (-6, 6)
    assert mesh.get_cmap()(0.5)[3] < 0.01
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    assert all(x.get_facecolor()[3] == 0 for x in ax.figure.axes), "no plate on a dark page"
    assert mesh_of(surface_map(PAIR, top=10.0)).get_clim() == (-10, 10)


def test_levels_are_rows_in_their_order():
    ax = surface_map(PAIR, "a c")
    values = np.asarray(mesh_of(ax).get_array())
    assert values.shape == (2, 80)
    assert [t.get_text() for t in ax.get_yticklabels()] == ["q", "p"]
    np.testing.assert_allclose(values[:, [0, -1]], [[-1, 3], [0, 0]], atol=1e-12)


def test_a_map_shows_one_pair_of_one_class():
    with pytest.raises(InvalidInputError, match="'x y'"):
        surface_map(PAIR, "x y")
    with pytest.raises(InvalidInputError, match="one class only"):
        surface_map(pd.concat([PAIR, PAIR]))
    with pytest.raises(InvalidInputError, match="full grid"):
        surface_map(PAIR[1:], "a b")
    with pytest.raises(InvalidInputError, match="lacks the columns z"):
        surface_map(PAIR.drop(columns="z"))
