"""Attention maps of all heads of the last layer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anonbench.errors import InputError
from anonbench.presentation.figures.examples import PRINT, Images, show
from anonbench.presentation.figures.style import (
    SOFT,
    TALLEST,
    TWO_COLUMNS,
    new_figure,
    save,
    styled,
)

COLUMNS = 8
"""Heads beside each other at most."""
CAPTION = 0.34
"""Height in inches of the line above each map."""
GAP = 0.08


def attention(maps: Path, base: Images | None, outputs: Sequence[Path], dpi: int = 150) -> None:
    """Draw each image's attention maps, one a head; brighter is more attention.

    Every map has its own scale, from no attention to its own highest value, which stands above it:
    a head that looks everywhere a little would be black beside one that looks at one spot.

    Args:
        maps: NPZ with one array float [heads, h, w] an image id, the attention of the class token.
        base: the images the maps were made from, drawn first; none where originals stay hidden.
        outputs: .png and .svg paths.
        dpi: of the PNG.

    Raises:
        InputError: there is no map.

    """
    with np.load(maps) as stored:
        arrays = {name: np.asarray(stored[name], np.float32) for name in sorted(stored.files)}
    if not arrays:
        raise InputError(f"{maps}: holds no attention map")
    cells = [_cells(name, array, base) for name, array in arrays.items()]
    longest = max(len(block) for block in cells)
    columns = -(-longest // -(-longest // COLUMNS))  # as few rows as possible, filled evenly
    rows = [block[at : at + columns] for block in cells for at in range(0, len(block), columns)]
    tall = max(array.shape[1] / array.shape[2] for array in arrays.values())
    side = (TWO_COLUMNS - GAP * (columns - 1)) / columns
    side = min(side, (TALLEST / len(rows) - CAPTION) / tall)
    width = columns * side + GAP * (columns - 1)
    height = len(rows) * (side * tall + CAPTION)
    with styled():
        figure = new_figure(width, height, constrained=False)
        for y, row in enumerate(rows):
            for x, (label, detail, image) in enumerate(row):
                top = y * (side * tall + CAPTION) + CAPTION
                axes = figure.add_axes(
                    (
                        x * (side + GAP) / width,
                        1 - (top + side * tall) / height,
                        side / width,
                        side * tall / height,
                    )
                )
                if image.dtype == np.uint8:
                    show(axes, image, round(side * dpi * PRINT))
                else:
                    axes.imshow(
                        image, cmap="magma", vmin=0, interpolation="nearest", aspect="equal"
                    )
                    axes.set_axis_off()
                axes.set_title(label, fontsize=7.5, pad=10, loc="left")
                axes.annotate(
                    detail,
                    (0, 1),
                    xycoords="axes fraction",
                    xytext=(0, 2),
                    textcoords="offset points",
                    fontsize=6.5,
                    color=SOFT,
                    va="bottom",
                )
        save(figure, outputs, dpi)


def _cells(name: str, array: np.ndarray, base: Images | None) -> list[tuple[str, str, np.ndarray]]:
    """Return label, detail and picture of each cell of one image's block."""
    first = [] if base is None else [("Image", "", base.read(name))]
    heads = [
        (f"h{number}", f"up to {100 * float(head.max()):.1f} %", head)
        for number, head in enumerate(array, start=1)
    ]
    return first + heads
