"""Originals in batches of bounded size."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from anonbench.core.boxes import Blocks
from anonbench.core.errors import UnreadableImage
from anonbench.datasets.coding_blocks import coding_blocks
from anonbench.datasets.formats.pages import Page, page_of
from anonbench.datasets.formats.pdf import has_damaged_images, text_places
from anonbench.datasets.images import read_image, read_original

BATCH_IMAGES = 32
BATCH_PIXELS = 4_000_000  # greatest number of pixels in a batch; a larger image is a batch alone
NOTHING = np.empty((0, 0), np.uint8)  # pixels of an image that cannot be read
DAMAGED_IMAGES = "damaged images in a PDF: other programs may show more of them, or less"
Item = TypeVar("Item")


@dataclass(frozen=True)
class Original:
    """One image of the data set, or the reason why it cannot be read."""

    id: str
    pixels: np.ndarray  # uint8 [H, W] or [H, W, 3]; empty where there is a problem
    digest: str = ""  # by the manifest, of what was decoded; empty where there is a problem
    problem: str = ""
    blocks: tuple[Blocks, ...] = ()  # coding blocks of the file
    doubts: Sequence[str] = ()  # about what the file shows
    text: Sequence[np.ndarray] = ()  # places of its text (`anonbench.datasets.formats.pdf`)


def read_batches(
    manifest: pd.DataFrame, root: Path, max_pixels: int, threads: int
) -> Iterator[list[Original]]:
    """Yield all images of a manifest in the order of its rows, read by threads.

    Raises:
        ChangedImage: a file is another one than the manifest describes.
    """
    rows: list[Any] = list(manifest.itertuples(index=False))
    sizes = [int(row.width) * int(row.height) for row in rows]
    yield from in_batches(rows, sizes, lambda row: _read(row, root / row.path, max_pixels), threads)


def in_batches(
    items: Sequence[Item], sizes: Sequence[int], read: Callable[[Item], Original], threads: int
) -> Iterator[list[Original]]:
    """Yield what `read` makes of items of these sizes in pixels, in batches."""
    start, pixels = 0, 0
    with ThreadPoolExecutor(threads, "read") as pool:
        for index, size in enumerate(sizes):
            if index > start and (index - start == BATCH_IMAGES or pixels + size > BATCH_PIXELS):
                yield list(pool.map(read, items[start:index]))
                start, pixels = index, 0
            pixels += size
        if sizes:
            yield list(pool.map(read, items[start:]))


def _read(row: Any, path: Path, max_pixels: int) -> Original:
    image_id = str(row.id)
    try:
        data = read_original(image_id, path, int(row.bytes), row.digest)
        page = page_of(row.digest)
        pixels = read_image(data, max_pixels, page)
        pixels.flags.writeable = False  # later detectors see what a detector writes into it
        original = Original(image_id, pixels, row.digest, blocks=coding_blocks(data, page))
        return of_page(original, lambda: data)
    except UnreadableImage as error:
        return Original(image_id, NOTHING, problem=str(error))


def of_page(original: Original, read: Callable[[], bytes]) -> Original:
    """An image with what else its file tells if that is a PDF; others are not read."""
    page = page_of(original.digest)
    if page is None or not page.dpi:
        return original
    data = read()
    return replace(original, text=text_places(data, page), doubts=doubts_of_file(data, page))


def doubts_of_file(data: bytes, page: Page | None) -> list[str]:
    """List the doubts about what a page of a PDF was drawn from; no other image has any."""
    if page is None or not page.dpi:
        return []
    return [DAMAGED_IMAGES] if has_damaged_images(data, page) else []
