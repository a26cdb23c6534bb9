"""Crops of regions as seen by attackers; eyes, nose and mouth that faces are aligned by.

MTCNN's last network (Zhang et al. 2016) finds the points in the original, and they are used for
every variant: whoever has the original knows where the hidden face is.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import pandas as pd

from anonbench.anonymization.geometry import cover, windows_meet
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.similarity import threads
from anonbench.core.registries.attacks import Attacker
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb
from anonbench.training.data.preprocess import Preprocess

GREY = 128  # grey level of a region's own pixels if only its surroundings are shown


Points = Mapping[tuple[str, int], np.ndarray]
"""Eyes, nose and mouth of faces in pixels, float64 [5, 2], by image and place in its draw."""


class Cut(NamedTuple):
    """Size and alignment of an attacker's crops."""

    side: int  # of its square crops, in pixels
    aligned: bool = False  # whether faces are aligned by eyes, nose and mouth, where known


class Readable(Protocol):
    """Images by id."""

    def read(self, image_id: str) -> np.ndarray:
        """Return one image, uint8 [H, W] or [H, W, 3] RGB."""
        ...


@runtime_checkable
class Stored(Readable, Protocol):
    """Images by id that are in files."""

    def read_bytes(self, image_id: str) -> bytes:
        """Read the encoded bytes of one image."""
        ...


class Images(Readable, Protocol):
    """Images by id, with a list of ids."""

    @property
    def ids(self) -> list[str]:
        """The ids, sorted."""
        ...


def crop(image: np.ndarray, region: Region, margin: float) -> np.ndarray:
    """Crop a region of an image, grown about its centre by a factor, uint8 [h, w] or [h, w, 3].

    Without a margin, pixels beside a slanted region get its mean colour, so that neither
    surroundings nor shape distinguish masked regions.
    """
    area = cover(region, image.shape, margin)
    if area is None:  # a box outside its image: nothing is visible
        return np.zeros((1, 1, *image.shape[2:]), np.uint8)
    seen = image[area.window]
    if margin > 1.0 or area.inside.all():
        return seen
    filled = seen.copy()
    filled[~area.inside] = seen[area.inside].mean(axis=0)
    return filled


def remainder(
    image: np.ndarray,
    region: Region,
    factor: float,
    margin: float = 1.0,
    regions: Sequence[Region] = (),
) -> np.ndarray:
    """Surroundings of a region, its own pixels grey, uint8 [h, w] or [h, w, 3].

    Pixels that methods write in a margin, or where another region overlaps, are derived from the
    region's own pixels; likewise, in turn, where a third region overlaps the second. All of these
    are grey, too, and coding blocks that regions specify.

    Args:
        factor: by which the region's box is grown about its centre, above 1.
        margin: by which regions are grown when they are hidden.
        regions: all regions of the image.
    """
    around = cover(region, image.shape, max(factor, margin), blocks=True)
    if around is None:
        return np.full((1, 1, *image.shape[2:]), GREY, np.uint8)
    own, *others = (cover(each, image.shape, margin, blocks=True) for each in (region, *regions))
    grey = [] if own is None else [own]
    left = [area for area in others if area is not None]
    for one in grey:  # grows during the loop
        grey += [area for area in left if windows_meet(one.window, area.window)]
        left = [area for area in left if not windows_meet(one.window, area.window)]
    seen = image.copy()
    for area in grey:
        seen[area.window][area.inside] = GREY
    return seen[around.window]


def cut_of(attacker: Attacker) -> Cut:
    """Cut of an attacker's crops; one that expects aligned faces has `aligned`."""
    return Cut(attacker.side, bool(getattr(attacker, "aligned", False)))


def cuts_of(attackers: Collection[Attacker]) -> list[Cut]:
    """Distinct cuts; the last one is the largest that is not aligned, for thumbnails."""
    cuts = {cut_of(each) for each in attackers}
    if cuts and all(cut.aligned for cut in cuts):
        cuts.add(Cut(max(cut.side for cut in cuts)))
    return sorted(cuts, key=lambda cut: (not cut.aligned, cut.side))


def differing(crops: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Mask of crops that differ between two lists, bool [N]; one by one, to save memory."""
    return np.array([not np.array_equal(*pair) for pair in zip(crops, others, strict=True)], bool)


def read_crops(
    images: Readable,
    regions: Mapping[str, Sequence[Region]],
    wanted: pd.DataFrame,
    cuts: Collection[Cut],
    points: Points | None = None,
) -> dict[Cut, np.ndarray]:
    """Read crops of an image set, squashed into squares: by cut, uint8 [N, side, side, 3].

    They do not show a region's width and height, which are the same in every variant.

    Args:
        regions: the images' regions in draw order.
        wanted: columns id, order, margin and context. `context` is 0 or the factor of `remainder`;
            `margin` is that of `crop` or of `remainder`.
        points: of faces in the originals, for aligned cuts.
    """
    fits = {cut: Preprocess(cut.side, "imagenet", "squash").fit for cut in cuts}
    found = {cut: np.empty((len(wanted), cut.side, cut.side, 3), np.uint8) for cut in cuts}
    numbered = wanted[["id", "order", "margin", "context"]].reset_index(drop=True)

    def read(group: pd.DataFrame) -> None:
        image_id = str(group["id"].iloc[0])
        image = images.read(image_id)
        for row, _, order, margin, context in group.itertuples():
            region = regions[image_id][order]
            own, area = (points or {}).get((image_id, order)), None
            if context:
                seen = remainder(image, region, context, margin, regions[image_id])
            else:
                seen, area = crop(image, region, margin), cover(region, image.shape, margin)
            for cut, fit in fits.items():
                shown = seen
                if cut.aligned and area is not None and own is not None:
                    corner = area.window[1].start, area.window[0].start
                    shown = aligned(seen, own - corner, cut.side)
                found[cut][row] = fit(shown)

    with ThreadPoolExecutor(threads()) as pool:
        list(pool.map(read, [group for _, group in numbered.groupby("id", sort=False)]))
    return found


TEMPLATE = np.array(
    [
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ]
)
"""Where eyes, nose and corners of the mouth are in a square of `TEMPLATE_SIDE` pixels (Deng et al.
2019, "ArcFace")."""
TEMPLATE_SIDE = 112
LEAST_SCALE = 1 / 64  # faces are shrunk by area down to this scale


def aligned(seen: np.ndarray, points: np.ndarray, side: int) -> np.ndarray:
    """Turn, scale and move a crop so that its points (float64 [5, 2]) come to the template's.

    Everything outside the crop gets the crop's mean colour. The result is a square whose sides are
    n · `side` pixels, n a whole number: large faces are still to be shrunk.
    """
    beside = np.atleast_1d(seen.mean(axis=(0, 1))).tolist()
    matrix = similarity(points, TEMPLATE * (side / TEMPLATE_SIDE))
    times = max(1, math.ceil(1.0 / max(float(np.hypot(*matrix[:, 0])), LEAST_SCALE)))
    border = {"borderMode": cv2.BORDER_CONSTANT, "borderValue": beside}
    size, pixels = (times * side, times * side), np.ascontiguousarray(seen)
    return np.asarray(cv2.warpAffine(pixels, matrix * times, size, **border))


def similarity(points: np.ndarray, to: np.ndarray) -> np.ndarray:
    """Rotation, scale and shift that bring points [N, 2] nearest to others, float64 [2, 3]."""
    here, there = (each @ np.array([1, 1j]) for each in (points, to))  # as complex numbers
    terms = np.stack([here, np.ones_like(here)], axis=1)
    turn, shift = np.linalg.lstsq(terms, there, rcond=None)[0]
    return np.array([[turn.real, -turn.imag, shift.real], [turn.imag, turn.real, shift.imag]])


NEEDS = (
    "privacy.recognizer: eyes, nose and mouth are found by MTCNN, which is not there: "
    "pip install --no-deps facenet-pytorch==2.6.0, or set privacy.recognizer.aligned to false"
)

_SIDE = 48  # of the squares that the network sees, in pixels


class Landmarks:
    """Network that finds eyes, nose and mouth of faces, on the CPU."""

    def __init__(self) -> None:
        from anonbench.core.libraries.compat import install_torchvision_ops

        install_torchvision_ops()
        from facenet_pytorch import ONet

        self._network: Any = ONet().eval()

    def find(self, image: np.ndarray, face: Region) -> np.ndarray:
        """Eyes (the left one in the picture first), nose and corners of the mouth, float64 [5, 2].

        Any box that reaches into the image has points, even without a face.
        """
        import torch

        # a square about the box, as far as the image reaches
        half = max(face.x1 - face.x0, face.y1 - face.y0) / 2
        x, y = (face.x0 + face.x1) / 2, (face.y0 + face.y1) / 2
        x0, y0 = (int(max(np.floor(centre - half), 0)) for centre in (x, y))
        x1 = max(int(min(np.ceil(x + half), image.shape[1])), x0 + 1)
        y1 = max(int(min(np.ceil(y + half), image.shape[0])), y0 + 1)
        crop = as_rgb(image[y0:y1, x0:x1])
        seen = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        pixels = (seen.transpose(2, 0, 1)[None].astype(np.float32) - 127.5) / 128
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # other numbers of threads round sums differently
        try:
            with torch.inference_mode():
                shares = self._network(torch.from_numpy(pixels))[1].numpy()
        finally:
            torch.set_num_threads(threads)
        points: np.ndarray = shares.reshape(2, 5).T.astype(np.float64)
        return points * (x1 - x0, y1 - y0) + (x0, y0)


def find_points(
    originals: Readable, regions: Mapping[str, Sequence[Region]], wanted: pd.DataFrame
) -> Points:
    """Find eyes, nose and mouth of the faces in rows of `wanted` (columns id, order, context).

    Faces outside the image, or with surroundings only, are left out. Regions are in draw order.
    InputError if MTCNN is not installed.
    """
    try:
        landmarks = Landmarks()
    except ImportError as error:
        raise InputError(NEEDS) from error
    found: dict[tuple[str, int], np.ndarray] = {}
    for name, orders in wanted[wanted["context"] == 0].groupby("id", sort=False)["order"]:
        faces = {order: regions[str(name)][order] for order in sorted(set(orders.tolist()))}
        faces = {order: face for order, face in faces.items() if face.entity is Entity.FACE}
        image = originals.read(str(name)) if faces else np.empty((0, 0))
        for order, face in faces.items():
            if cover(face, image.shape):
                found[str(name), order] = landmarks.find(image, face)
    return found
