"""Attacks on anonymized image files with their originals, without the workflow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.config import Anonymization, Detection, Privacy
from anonbench.core.boxes import Region, box_table, with_blocks
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.libraries.opencv import cv2
from anonbench.core.numeric.similarity import unit_rows
from anonbench.core.progress import track
from anonbench.core.registries.attacks import Equipment, RegionAttack
from anonbench.core.vocabulary import Variant
from anonbench.datasets.annotations.read import read_boxes_file
from anonbench.datasets.given import copies_of
from anonbench.detection.base import as_grey
from anonbench.detection.reading import Original, of_page
from anonbench.detection.search import DetectorFailed, Search
from anonbench.embedding.given_images import look_at
from anonbench.evaluation.privacy.attacks.kinds import KINDS
from anonbench.evaluation.privacy.attacks.regions import CONTROL
from anonbench.evaluation.privacy.attacks.run import attack
from anonbench.evaluation.privacy.crops import Readable
from anonbench.evaluation.privacy.published import GivenImages, Published

GIVEN = "given"  # method of images whose anonymization is unknown


@dataclass(frozen=True)
class Attacked:
    """Table of the attacks, and the number of files that were left out."""

    table: pd.DataFrame  # columns `anonbench.evaluation.privacy.attacks.table.COLUMNS`
    pairs: int  # originals with an anonymized version
    copies: int  # originals among these that are copies of others: with them, they are one cluster
    left_out: int  # files that cannot be read or searched, or have no pair; also `other_pictures`
    other_pictures: int  # copies that show another picture than their original


def attack_files(
    originals: str,
    anonymized: str,
    method: str | None,
    attacks: Sequence[str],
    detectors: Sequence[str],
    boxes: Path | None = None,
    detection: Detection | None = None,
    anonymization: Anonymization | None = None,
) -> Attacked:
    """Attack anonymized images by region; pairs have the same path except for the suffix.

    Args:
        originals: a folder, tar, table or image, see `anonbench.datasets.inputs.open_images`.
        anonymized: the same; images of the same sizes.
        method: the anonymization method, with the settings of `anonymization`; None: unknown.
        attacks: names of attacks on regions.
        detectors: find the regions in the originals if no boxes are given, and search again.
        boxes: a file of regions of the originals.

    Raises:
        InputError: an attack needs vectors, or the folders do not fit together.
    """
    for name in attacks:
        if not issubclass(KINDS[name], RegionAttack):
            raise InputError(f"--attack {name}: it needs vectors; run the workflow for it")
    first, second = look_at(originals), look_at(anonymized)
    clear = {picture.id: picture for picture in first.images}
    copies = {picture.key: picture for picture in second.images}
    found = copies_of([*clear], [each.key for each in clear.values()], copies, str(anonymized))
    hidden = {own: copies[copy] for own, copy in zip(clear, found, strict=True) if copy}
    common = sorted(hidden)
    if not common:
        raise InputError(
            f"{anonymized}: no image has the name of one of {originals}; anonymized images keep "
            "the paths of their originals, but for the suffix"
        )
    for name in common:
        own, copy = (f"{each.width} x {each.height}" for each in (clear[name], hidden[name]))
        if own != copy:
            raise InputError(
                f"{anonymized}: {hidden[name].name} is no version of its original "
                f"({own} and {copy} pixels)"
            )
    detection, failed = detection or Detection(), 0
    if boxes is None:
        search, regions = Search(detectors, detection), {}
        for name in track(common, len(common), "images searched"):
            file = clear[name]
            assert file.data is not None, "arrays are no files"
            try:
                original = of_page(Original(name, file.pixels(), file.digest), file.data)
                regions[name] = search(original.pixels, original.text)
            except (DetectorFailed, UnreadableImage):
                failed += 1
    else:
        regions = dict(read_boxes_file(boxes, first.listed()).regions())
    regions = {n: with_blocks(regions[n], clear[n].blocks) for n in common if n in regions}
    shown, copied = (GivenImages({n: each[n] for n in regions}) for each in (clear, hidden))
    wrong = other_pictures(shown, copied, regions)
    if 2 * len(wrong) > len(regions):
        raise InputError(
            f"{anonymized}: {len(wrong)} of {len(regions)} images show another picture than their "
            f"originals, such as {hidden[wrong[0]].name}; give each copy the path of its original"
        )
    regions = {name: found for name, found in regions.items() if name not in wrong}
    common = [name for name in common if name not in wrong]
    # the given images may be only partly masked; the control is always masked here
    variant = Variant(method, 100) if method else CONTROL
    variant = Variant(GIVEN, 100) if variant == CONTROL else variant
    contents = pd.Series({name: clear[name].digest for name in sorted(regions)}, dtype="str")
    published = Published(
        originals=GivenImages({name: clear[name] for name in regions}),
        versions={variant: copied},
        boxes=box_table(regions, seed=0),
        clusters=pd.Series(pd.factorize(contents)[0], index=contents.index),
    )
    settings = Privacy(attacks=tuple(dict.fromkeys(attacks)))
    equipment = Equipment(detection, anonymization or Anonymization(), detectors)
    table = attack("files", published, settings, equipment, seed=0, confidence=0.95)
    alone = len(clear) + len(copies) - 2 * len(hidden)
    unread = sum(not each.quiet for each in (*first.left_out, *second.left_out))
    repeated = len(common) - len({clear[name].digest for name in common})
    left_out = alone + failed + unread + len(wrong)
    return Attacked(table, len(common), repeated, left_out, len(wrong))


# --- copies that show another picture than their original, such as copies under wrong names ---

_SIDE, _BLOCK = 64, 8  # pixels of a reduced picture, and of the blocks in which two are compared
_GROWN = 0.15
"""Share of its sides by which a region is enlarged all around: programs hide more than a box."""
_LEAST = 0.2
"""Least likeness of a copy. On 215 photographs, cards, codes, pages and receipts, no copy by mask,
blur or pixelation had less, also if it was darker, brighter, with another gamma, of JPEG quality
20, or masked boxes 1.6 times as large; one blurred all over had. Of pictures of other images with
the same boxes masked, 81 % had less."""
_BLOCKS = 4  # fewer blocks with structure, and likeness is not judged
_SPREAD = 2.0  # standard deviation of a block with structure, in grey levels
_SAME, _OTHER = 0.98, 0.05
"""Correlation with another original that says which it is, and how far the own one is below it."""


def other_pictures(
    originals: Readable, copies: Readable, regions: Mapping[str, Sequence[Region]]
) -> list[str]:
    """Ids of copies that show another picture than their original.

    Pictures are compared where no region is. If too little is left there, or it has no structure,
    a copy is a wrong one only if another original looks like it and its own does not.
    Copies have the ids and sizes of their originals.
    """
    reduced, unclear, wrong = {}, {}, []
    for name in track(sorted(regions), len(regions), "copies compared"):
        pixels = originals.read(name)
        reduced[name], shown = _reduced(pixels), _reduced(copies.read(name))
        free = _free(regions[name], pixels.shape) & ~_blank(reduced[name], shown)
        found = likeness(reduced[name], shown, free)
        if math.isnan(found):
            unclear[name] = shown
        elif found < _LEAST:
            wrong.append(name)
    own = {name: place for place, name in enumerate(reduced)}
    known = _standard([*reduced.values()])
    for name, shown in unclear.items():
        match = known @ _standard([shown])[0]
        if match.max() >= max(_SAME, match[own[name]] + _OTHER):
            wrong.append(name)
    return sorted(wrong)


def likeness(original: np.ndarray, copy: np.ndarray, free: np.ndarray) -> float:
    """Median correlation of blocks with structure in both pictures; NaN if there are too few.

    A median, since a program may hide more than the regions. Pictures are reduced, uint8 [64, 64];
    `free` is where no region is, bool [64, 64].
    """
    one, other, weight = (_blocks(each.astype(np.float64)) for each in (original, copy, free))
    count = weight.sum(axis=1, keepdims=True)
    used = count[:, 0] >= _BLOCK**2 / 4
    one, other, weight, count = one[used], other[used], weight[used], count[used]
    one, other = (
        weight * (each - (weight * each).sum(axis=1, keepdims=True) / count)
        for each in (one, other)
    )
    spread = np.sqrt(np.array([(each**2).sum(axis=1) for each in (one, other)]) / count[:, 0])
    clear = (spread > _SPREAD).all(axis=0)
    if np.count_nonzero(clear) < _BLOCKS:
        return math.nan
    products = (one * other).sum(axis=1) / count[:, 0]
    return float(np.median(products[clear] / spread.prod(axis=0)[clear]))


def _reduced(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(as_grey(pixels), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA))


def _free(regions: Sequence[Region], shape: tuple[int, ...]) -> np.ndarray:
    free = np.ones((_SIDE, _SIDE), dtype=bool)
    for each in regions:
        cells = []
        for low, high, size in ((each.y0, each.y1, shape[0]), (each.x0, each.x1, shape[1])):
            more = _GROWN * (high - low)
            first, last = (_SIDE * end / size for end in (low - more, high + more))
            cells.append(slice(max(0, math.floor(first)), max(0, math.ceil(last))))
        free[*cells] = False
    return free


def _blank(original: np.ndarray, copy: np.ndarray) -> np.ndarray:
    """Where, or next to where, a copy is of one shade and its original is not."""
    around = np.ones((3, 3), dtype=np.uint8)
    own, shown = (cv2.dilate(each, around) - cv2.erode(each, around) for each in (original, copy))
    hidden = ((shown <= _SPREAD) & (own > _SPREAD)).astype(np.uint8)
    return np.asarray(cv2.dilate(hidden, around, iterations=2), dtype=bool)


def _blocks(picture: np.ndarray) -> np.ndarray:
    parts = _SIDE // _BLOCK
    tiles = picture.reshape(parts, _BLOCK, parts, _BLOCK).swapaxes(1, 2)
    return tiles.reshape(parts**2, _BLOCK**2)


def _standard(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures [64, 64] as vectors whose product is their correlation, float32 [N, 4096]."""
    rows = np.array(pictures, np.float32).reshape(len(pictures), _SIDE**2)
    return unit_rows(rows - rows.mean(axis=1, keepdims=True))
