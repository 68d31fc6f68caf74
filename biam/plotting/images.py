"""Pictures: where in them the evidence for a class lies, and those that look wrongly labelled."""

from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgba
from matplotlib.figure import Figure

from biam.exceptions import InvalidInputError
from biam.plotting.style import BLUE, FONT, GREY, VERMILLION, WIDTH, figure
from biam.validation import check_integer

__all__ = ["image_grid", "maps_from_curves", "pixel_importance"]

PREFIX = "importance:"
TITLE, LINE = 0.22, 0.17
# From nothing to blue: zero shows the page, whatever its colour.
_FADE = LinearSegmentedColormap.from_list("fade", [to_rgba(BLUE, 0.0), to_rgba(BLUE, 1.0)])


def maps_from_curves(curves: pd.DataFrame) -> dict[str, np.ndarray]:
    """Stored importance curves of one cell as pictures.

    Parameters
    ----------
    curves : DataFrame
        Columns curve, x, z, value; rows of "importance:CLASS" hold row x and column z of the
        picture of a class. Other curves are passed over.

    Returns
    -------
    dict of str to ndarray, shape (h, w)
        By class, in the order of the table.

    Raises
    ------
    InvalidInputError
        No importance curve, or not one value per pixel: rows of several cells, most likely.
    """
    rows = curves[curves["curve"].str.startswith(PREFIX)]
    if rows.empty:
        raise InvalidInputError(
            f"curves must hold rows named '{PREFIX}CLASS', got none: take those of method BIAM-X "
            "at a seed for which they are kept."
        )
    maps = {}
    for name, part in rows.groupby("curve", sort=False):
        i, j = part["x"].to_numpy(int), part["z"].to_numpy(int)
        picture = np.full((i.max() + 1, j.max() + 1), np.nan)
        picture[i, j] = part["value"]
        if len(part) != picture.size or np.isnan(picture).any():
            raise InvalidInputError(
                f"{name!r} must hold each pixel of {picture.shape} once, got {len(part)} rows: "
                "choose one scenario, method and seed first."
            )
        maps[str(name).removeprefix(PREFIX)] = picture
    return maps


def pixel_importance(
    maps: Mapping[str, Any], *, columns: int = 5, shared_scale: bool = True
) -> Figure:
    """One picture per class: the stronger the blue, the larger the mean |contribution|.

    Parameters
    ----------
    maps : mapping of str to array-like, shape (h, w)
        From `maps_from_curves`, or from `biam.experiments.images.importance_maps`.
    columns : int
        Pictures per line.
    shared_scale : bool
        One scale for all classes, with a bar; False shows each class by its own largest value.

    Returns
    -------
    Figure
    """
    pictures = {name: np.asarray(picture, float) for name, picture in maps.items()}
    top = max(float(picture.max()) for picture in pictures.values())
    fig, panels = _grid(len(pictures), columns, bar=shared_scale)
    drawn = []
    for ax, (name, picture) in zip(panels, pictures.items(), strict=True):
        limit = top if shared_scale else float(picture.max())
        drawn.append((ax, ax.imshow(picture, cmap=_FADE, vmin=0, vmax=max(limit, 1e-12))))
        ax.set_title(name, color=GREY, fontsize=FONT, pad=3)
    if shared_scale:
        bar = fig.colorbar(
            drawn[0][1], ax=[ax for ax, _ in drawn], location="bottom", aspect=40, pad=0.03
        )
        bar.set_label("mean |contribution| to the logit", color=GREY, fontsize=FONT)
        bar.outline.set_edgecolor(GREY)
        bar.ax.set_facecolor("none")
        bar.ax.tick_params(colors=GREY, labelsize=FONT)
    return fig


def image_grid(
    images: Any,
    given: Sequence[Any],
    true: Sequence[Any] | None = None,
    weights: Sequence[float] | None = None,
    *,
    class_names: Sequence[str] | None = None,
    columns: int = 6,
) -> Figure:
    """Pictures with the label they were given, and beside it the true one where that differs.

    Parameters
    ----------
    images : array-like, shape (n, h, w) or (n, h, w, 3)
        uint8; such as the training rows of lowest learned weight.
    given : sequence, length n
        Labels in the training data.
    true : sequence, length n, optional
        Where it is not `given`, the title reads "given, is true" in the colour of corrupted rows.
    weights : sequence of float, length n, optional
        Written below each picture.
    class_names : sequence of str, optional
        Names of the labels, which are then positions in it.
    columns : int
        Pictures per line.

    Returns
    -------
    Figure

    Raises
    ------
    InvalidInputError
        Lengths differ.
    """
    pictures = np.asarray(images)
    lengths = {len(part) for part in (pictures, given, true, weights) if part is not None}
    if len(lengths) != 1 or not len(pictures):
        raise InvalidInputError(
            f"images, labels and weights must be of one length above 0, got {sorted(lengths)}."
        )
    # Long names stand on two lines, and a weight needs one of its own.
    fig, panels = _grid(len(pictures), columns, extra=LINE * (1 + (weights is not None)))
    for k, ax in enumerate(panels):
        # A grey picture keeps its polarity on both themes: pixels are data, not ink.
        ax.imshow(pictures[k], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        wrong = true is not None and true[k] != given[k]
        title = f"{_name(given[k], class_names)}"
        if wrong:
            title += f"\nis {_name(true[k], class_names)}"
        ax.set_title(title, color=VERMILLION if wrong else GREY, fontsize=FONT, pad=3)
        if weights is not None:
            ax.set_xlabel(f"{weights[k]:.2g}", color=GREY, fontsize=FONT, labelpad=2)
    return fig


def _grid(
    n: int, columns: int, *, bar: bool = False, extra: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """Figure of `n` bare panels; the last line may be shorter."""
    columns = min(check_integer("columns", columns, low=1), n)
    lines = ceil(n / columns)
    fig = figure(lines * (WIDTH / columns + TITLE + extra) + 0.7 * bar)
    return fig, list(_panels(fig, n, lines, columns))


def _panels(fig: Figure, n: int, lines: int, columns: int) -> Iterator[Axes]:
    for k in range(n):
        ax = fig.add_subplot(lines, columns, k + 1)
        ax.set_facecolor("none")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(color=GREY, linewidth=0.5)
        yield ax


def _name(label: Any, class_names: Sequence[str] | None) -> str:
    return str(label) if class_names is None else class_names[label]
