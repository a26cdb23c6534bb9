"""Pictures by a network of the user's own, which redraws regions from their surroundings.

For generators of faces and inpainting by diffusion. The pictures are measured as those of another
program (`datasets.<name>.given`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from anonbench.anonymization.apply import require_pixels
from anonbench.anonymization.files.places import require_apart
from anonbench.anonymization.geometry import cover, hidden_pixels
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.io import atomic, writing_to
from anonbench.core.libraries.opencv import cv2
from anonbench.core.progress import track
from anonbench.datasets.coding_blocks import add_coding_blocks
from anonbench.datasets.headers import Limits, header_of
from anonbench.datasets.images import encode, read_image
from anonbench.datasets.inputs import LeftOut, open_images
from anonbench.detection.search import DetectorFailed, Search, searching

Generate = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From a crop, uint8 [h, w, 3] RGB, and which of its pixels are hidden, bool [h, w], to a crop of
the same shape. Hidden pixels are grey: the network sees what is around them, and where they are."""
HIDDEN = 127  # grey level in place of what is hidden


@dataclass(frozen=True)
class Generated:
    """What was written."""

    written: int  # pictures
    regions: int  # redrawn
    left_out: tuple[LeftOut, ...]
    """Images without a picture, and why: also those in which nothing was found."""


def generate_pictures(
    images: str | Path | Iterable[str | Path],
    to: str | Path,
    generate: Generate,
    detectors: Sequence[str] = ("mtcnn",),
    *,
    context: float = 2.0,
    detection: Detection | None = None,
) -> Generated:
    """Write a picture of each image, in which a network has redrawn its regions.

    Args:
        images: see `anonbench.datasets.inputs.open_images`.
        to: a folder apart from the originals. A picture is a PNG by its image's id.
        generate: the network.
        detectors: whose regions are drawn.
        context: sides of the crop, in sides of the region, at least 1.
        detection: settings of the detectors.

    Raises:
        InputError: the folder is among the originals, a detector cannot be loaded, or the network
            returns something else than a crop.
    """
    given, folder, settings = open_images(images), Path(to), detection or Detection()
    require_apart(given, folder)
    search, left_out = Search(searching(detectors), settings), list(given.left_out)
    found = written = 0
    with writing_to(folder.parent):
        for image in track(given, len(given), "images drawn"):
            try:
                data = image.data(settings.max_pixels)
                page = header_of(data, "", image.page, Limits(settings.max_pixels)).page
                pixels = read_image(data, settings.max_pixels, page)
                regions = add_coding_blocks(search(pixels), data, page)
            except (DetectorFailed, UnreadableImage) as error:
                left_out.append(LeftOut(image.name, str(error)))
                continue
            if not regions:  # its picture would be the original
                left_out.append(LeftOut(image.name, "nothing was found in it"))
                continue
            found += len(regions)
            written += 1
            path = folder / f"{image.id}.png"
            with atomic(path) as temporary:
                temporary.write_bytes(encode(redrawn_image(pixels, regions, generate, context)))
    return Generated(written, found, tuple(left_out))


def redrawn_image(
    image: np.ndarray, regions: Sequence[Region], generate: Generate, context: float = 2.0
) -> np.ndarray:
    """Return an image whose regions a network has drawn, from what is around them alone.

    Nothing that any region shows reaches the network, and no pixel outside of them changes. Of
    slanted regions the upright box is drawn. Where regions overlap, the last is seen.

    The image is uint8 [H, W] or [H, W, 3] RGB, and not changed; `context` is in sides of the
    region. InputError where it is less than one, or the network returns something else than a crop.
    """
    if not context >= 1:  # a region of which no crop is made would stay
        raise InputError(f"context: {context!r} is less than the region itself, 1")
    hidden = hidden_pixels(regions, image.shape, Anonymization(), upright=True)
    seen = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image.copy()
    seen[hidden] = HIDDEN
    result = image.copy()
    for region in regions:
        upright = replace(region, quad=None)
        own = cover(upright, image.shape, blocks=True)
        crop = cover(upright, image.shape, context, blocks=True)
        if own is None or crop is None:  # outside
            continue
        drawn = generate(seen[crop.window].copy(), hidden[crop.window].copy())
        require_pixels(drawn, seen[crop.window].shape, "the network")
        whole = seen.copy()
        whole[crop.window] = drawn
        pixels = whole[own.window]
        if image.ndim == 2:
            pixels = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
        result[own.window][own.inside] = pixels[own.inside]
    return result
