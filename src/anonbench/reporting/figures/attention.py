"""Attention maps of all heads of the last layer, several models side by side on one image."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from anonbench.core.vocabulary import Model
from anonbench.embedding.attention_maps import read_maps
from anonbench.reporting.figures import style
from anonbench.reporting.figures.examples import GAP, PRINT, PictureGrid, scaled, show
from anonbench.reporting.labels import ADAPTIONS, variant_label
from anonbench.reporting.shown_images import Images

LABEL = 0.95  # width in inches of the row labels
CAPTION = 0.13  # height in inches of the line above a map: its head and its highest value
BLOCK, PANEL = 0.16, 0.09
"""Space in inches between two images, and between two panels whose heads take several rows."""
SIDE = 256  # smallest side of a picture in pixels: the network's view, at a higher resolution
SMALLEST, WIDEST = 12 * style.MILLIMETRE, 0.8
"""Width in inches below which a map of 14 × 14 patches is unreadable, and the largest one."""
PALE = 0.55  # share of the image's contrast that remains under a map
_HEAT = LinearSegmentedColormap.from_list("heat", [(0.84, 0.37, 0.0, a) for a in (0.0, 0.9)])
"""Vermilion, more opaque for more attention: visible on white pages and on photos."""


class Panel(NamedTuple):
    """One model's maps of one image."""

    image_id: str
    model: str  # name as in paths, for example `A-blur-50`
    variant: str  # variant of the image: `original`, or method and degree
    picture: np.ndarray | None  # uint8 [S, S, 3], the network's view; None if not to be shown
    heads: np.ndarray  # float [heads, h, w], the class token's attention to the patches


def panels(maps: Mapping[str, Path], shown: Mapping[str, Images]) -> list[Panel]:
    """Panels of the attention figure: image by image, each model on each variant.

    Maps are the NPZ of `anonbench.embedding.attention.attend` by model, image sets are by variant.
    """
    found = []
    for model, path in maps.items():
        attention = read_maps(path)
        side = attention.preprocess.side
        larger = replace(attention.preprocess, side=side * max(1, -(-SIDE // side)))
        for (variant, image_id), heads in attention.maps.items():
            images, picture = shown.get(variant), None
            if images is not None and image_id in images:
                picture = larger.fit(images.read(image_id))
            found.append(Panel(image_id, model, variant, picture, heads))
    order = list(dict.fromkeys(panel.image_id for panel in found))
    return sorted(found, key=lambda panel: order.index(panel.image_id))


def attention(panels: Sequence[Panel], outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw attention maps of all heads, by model and by variant of the image.

    Each map is laid over the image, or plain if the image must not be shown. Every map has its own
    scale up to its highest value, which is written above it: on a common scale, a head with diffuse
    attention would be black beside a focused one.
    """
    with style.styled():
        nothing = "No image has a region: there is no map to look at"
        style.save(_draw_all(panels, dpi) if panels else style.blank(nothing), outputs, dpi)


def _draw_all(panels: Sequence[Panel], dpi: int) -> Figure:
    heads = max(len(panel.heads) for panel in panels)
    most = int((style.TWO_COLUMNS - LABEL) / (SMALLEST + GAP)) - 1
    in_a_row = -(-heads // -(-heads // most))  # none is too small, and rows are equally long
    starts: list[int] = []
    above: list[float] = []
    for before, panel in zip((panels[0], *panels), panels, strict=False):
        between = PANEL if heads > in_a_row and above else 0.0
        space = BLOCK if panel.image_id != before.image_id else between
        starts.append(len(above))
        above += [CAPTION + (0.0 if n else space) for n in range(0, len(panel.heads), in_a_row)]
    aspect = max(panel.heads.shape[1] / panel.heads.shape[2] for panel in panels)
    images = len({panel.image_id for panel in panels})
    grid = PictureGrid(above, [LABEL, *[GAP] * in_a_row], aspect, WIDEST, images, SMALLEST)
    grid.column_label(0, 0, "Image", fontsize=7.5, fontweight="bold")
    grid.column_label(1, in_a_row, "Attention", fontsize=7.5, fontweight="bold")
    pixels = round(grid.side * dpi * PRINT)
    for start, panel in zip(starts, panels, strict=True):
        label = f"{ADAPTIONS[Model.parse(panel.model).adaption]}\n{variant_label(panel.variant)}"
        grid.row_label(start, LABEL - 2 * GAP, label, ha="right", fontsize=6.5)
        axes = grid.axes(start, 0)
        if panel.picture is None:
            axes.set_axis_off()
            how: Any = {"ha": "center", "va": "center", "fontsize": 6, "color": style.SOFT}
            axes.text(0.5, 0.5, "not\nshown", **how)
        else:
            show(axes, panel.picture, pixels)
        for number, head in enumerate(panel.heads):
            row, column = divmod(number, in_a_row)
            axes = grid.axes(start + row, 1 + column)
            axes.set_title(f"h{number + 1}", loc="left", fontsize=6, pad=1.5, color=style.INK)
            _draw_map(axes, panel.picture, head, pixels)
    return grid.figure


def _draw_map(axes: Axes, picture: np.ndarray | None, head: np.ndarray, pixels: int) -> None:
    percent = 100 * float(head.max())
    small: Any = {"fontsize": 6, "fontweight": "normal", "color": style.SOFT}
    axes.set_title(f"{percent:.{int(percent < 10)}f} %", loc="right", pad=1.5, **small)
    if picture is None:
        axes.imshow(head, cmap="magma", vmin=0, interpolation="nearest")
        axes.set_axis_off()
        return
    height, width = head.shape
    grey = scaled(np.asarray(Image.fromarray(picture).convert("L")), pixels)
    pale = 255 - PALE * (255 - grey.astype(np.float32))
    show(axes, pale, pixels, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    axes.imshow(head, cmap=_HEAT, vmin=0, interpolation="nearest")
