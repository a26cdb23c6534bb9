"""Images passed to a function: examined once, then read in batches of bounded size."""

import hashlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from anonbench.core.boxes import Blocks
from anonbench.core.errors import InputError, UnreadableImage, listed
from anonbench.core.progress import track
from anonbench.core.workers import in_threads
from anonbench.datasets.annotations.rows import Images
from anonbench.datasets.coding_blocks import coding_blocks
from anonbench.datasets.formats.pixels import conversion_counts
from anonbench.datasets.headers import Limits, header_of
from anonbench.datasets.images import MAX_PIXELS, read_image
from anonbench.datasets.inputs import GIVE_IMAGES, ImageFile, LeftOut, open_images
from anonbench.detection.reading import NOTHING, Original, in_batches, of_page

Given = str | Path | Sequence[str | Path] | Sequence[np.ndarray]
"""Images: a folder, tar, table, image or `-` (`anonbench.datasets.inputs.open_images`), a list of
paths, or arrays, uint8 [H, W] or [H, W, 3] RGB, whose ids are their numbers."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Picture:
    """One readable image, not in memory."""

    id: str
    name: str  # relative path; empty for an array
    width: int
    height: int
    digest: str  # of the file's bytes, with a page's number (`page_digest`); or `digest_of` it
    pixels: Callable[[], np.ndarray]  # reads it, uint8 [H, W] or [H, W, 3]
    converted: str = ""  # conversions by reading (`anonbench.datasets.headers.Header`)
    data: Callable[[], bytes] | None = None  # function that reads its file; None for an array
    key: str = ""  # see `anonbench.datasets.inputs.ImageFile.key`; the id of an array
    blocks: tuple[Blocks, ...] = ()  # coding blocks of its file; none are known for an array


@dataclass(frozen=True)
class Pictures:
    """All images that were passed, in the order of their ids, and files left out."""

    images: tuple[Picture, ...]
    left_out: tuple[LeftOut, ...]
    place: str  # as the user named it, for messages
    folder: Path | None

    @property
    def digest(self) -> str:
        """SHA-256 of all ids and contents."""
        lines = (f"{image.id}\0{image.digest}\n" for image in self.images)
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    @property
    def conversions(self) -> dict[str, int]:
        """Number of images with each conversion."""
        return conversion_counts(image.converted for image in self.images)

    def listed(self) -> Images:
        """Return the images for a file of boxes, whose rows of unreadable ones are not used."""
        columns = ["id", "path", "width", "height"]
        rows = [(image.id, image.name, image.width, image.height) for image in self.images]
        left_out = [(each.name.rpartition(".")[0], each.name) for each in self.left_out]
        others = pd.DataFrame(left_out, columns=columns[:2], dtype="str")
        return Images(self.folder or Path(), pd.DataFrame(rows, columns=columns), others)

    def batches(self, threads: int) -> Iterator[list[Original]]:
        """Yield all images in batches; one that cannot be decoded has a problem and no pixels.

        Raises:
            InputError: a file changed since it was examined.
        """
        sizes = [image.width * image.height for image in self.images]
        return in_batches(self.images, sizes, _read, threads)


def look_at(given: Given, max_pixels: int = MAX_PIXELS) -> Pictures:
    """Examine all images once: sizes, digests, and read errors; none stays in memory.

    Images of more than `max_pixels` are left out. InputError: there is none, or an array is none.
    """
    if not isinstance(given, str | Path):
        given = listed("images", given, f"{GIVE_IMAGES}, or of arrays")
        if given and isinstance(given[0], np.ndarray):
            return _array_images(given)
    found = open_images(given, pages=True)

    each = in_threads(partial(_look, max_pixels=max_pixels), found.images)
    looks = list(track(each, len(found), "images looked at"))
    images = [one for one in looks if isinstance(one, Picture)]
    left = (*found.left_out, *(one for one in looks if isinstance(one, LeftOut)))
    if not images:
        raise InputError(f"{found.place}: no image can be read, {left[0].reason} for one")
    images.sort(key=lambda image: image.id)
    return Pictures(tuple(images), left, found.place, found.folder)


def ahead(items: Iterable[Item]) -> Generator[Item]:
    """Yield items while a thread prepares the next one."""
    source = iter(items)
    nothing = object()
    with ThreadPoolExecutor(1, "ahead") as pool:
        coming = pool.submit(next, source, nothing)
        while (item := coming.result()) is not nothing:
            coming = pool.submit(next, source, nothing)
            yield item  # type: ignore[misc]


def _look(file: ImageFile, max_pixels: int) -> Picture | LeftOut:
    try:
        data = file.data(max_pixels)
        digest = hashlib.sha256(data).hexdigest()
        header = header_of(data, digest, file.page, Limits(max_pixels))
        blocks = coding_blocks(data, header.page)
    except UnreadableImage as error:
        return LeftOut(file.name if file.page is None else f"{file.id} of {file.name}", str(error))

    def unchanged() -> bytes:
        again = file.data(max_pixels)
        if hashlib.sha256(again).hexdigest() != digest:
            raise InputError(f"{file.name} changed while it was in use; run again")
        return again

    def pixels() -> np.ndarray:
        return read_image(unchanged(), max_pixels, header.page)

    known = file.id, file.name, header.width, header.height, header.digest
    return Picture(*known, pixels, header.converted, unchanged, file.key, blocks)


def _array_images(given: Sequence[np.ndarray]) -> Pictures:
    digits = len(str(len(given) - 1))
    images = []
    for number, array in enumerate(given):
        kind, shape = getattr(array, "dtype", type(array).__name__), getattr(array, "shape", ())
        is_image = len(shape) >= 2 and shape[2:] in ((), (3,)) and 0 not in shape
        if kind != np.uint8 or not is_image:
            raise InputError(
                f"image {number} is {kind} {shape}; an array has to be uint8 of shape [H, W] "
                "or [H, W, 3] (RGB)"
            )
        height, width = array.shape[:2]
        name = f"{number:0{digits}d}"
        pixels = partial(np.asarray, array)
        images.append(Picture(name, "", width, height, digest_of(array), pixels, key=name))
    return Pictures(tuple(images), (), "the arrays", None)


def digest_of(pixels: np.ndarray) -> str:
    """Return the SHA-256 of an image's shape and pixels."""
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(np.ascontiguousarray(pixels).data)
    return digest.hexdigest()


def _read(image: Picture) -> Original:
    try:
        pixels = image.pixels().view()
        pixels.flags.writeable = False  # a detector that writes into it would change the caller's
        original = Original(image.id, pixels, image.digest, blocks=image.blocks)
        return of_page(original, image.data) if image.data else original
    except UnreadableImage as error:
        return Original(image.id, NOTHING, problem=str(error))
