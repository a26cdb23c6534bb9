"""Attacks on anonymized image files with their originals, without the workflow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from anonbench.config import Anonymization, Detection, Privacy
from anonbench.core.boxes import Region, box_table, with_blocks
from anonbench.core.errors import InputError
from anonbench.core.progress import track
from anonbench.core.registries.attacks import Equipment, RegionAttack
from anonbench.core.vocabulary import Variant
from anonbench.datasets.annotations import Images, read_boxes_file
from anonbench.datasets.given import copies_of
from anonbench.detection.search import DetectorFailed, Search
from anonbench.embedding.given_images import Picture, look_at
from anonbench.evaluation.privacy.attacks.kinds import KINDS
from anonbench.evaluation.privacy.attacks.regions import CONTROL
from anonbench.evaluation.privacy.attacks.run import attack
from anonbench.evaluation.privacy.attacks.same_picture import other_pictures
from anonbench.evaluation.privacy.published import GivenImages, Published

GIVEN = "given"
"""Method of images whose anonymization is unknown."""


@dataclass(frozen=True)
class Attacked:
    """Table of the attacks, and the number of files that were left out."""

    table: pd.DataFrame
    """Columns `anonbench.evaluation.privacy.attacks.table.COLUMNS`."""
    pairs: int
    """Originals with an anonymized version."""
    copies: int
    """Originals among these that are copies of others: with them, they are one cluster."""
    left_out: int
    """Files of either folder that cannot be read or searched, or are the only one of their pair;
    also copies that show another picture."""
    other_pictures: int
    """Copies that show another picture than their original."""


def attack_files(
    originals: str,
    anonymized: str,
    method: str | None,
    attacks: Sequence[str],
    detectors: Sequence[str],
    boxes: Path | None = None,
    detection: Detection | None = None,
    anonymization: Anonymization | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> Attacked:
    """Attack anonymized images by region; pairs have the same path except for the suffix.

    Args:
        originals: a folder, tar, table or image, see `anonbench.datasets.inputs.open_images`.
        anonymized: the same; images of the same sizes.
        method: the anonymization method, with the settings of `anonymization`; None: unknown.
        attacks: names of attacks on regions.
        detectors: find the regions in the originals if no boxes are given, and search again.
        boxes: a file of regions of the originals.
        detection: settings of the detectors.
        anonymization: settings of the method.
        confidence: of the intervals.
        seed: of the draw.

    Raises:
        InputError: an attack needs vectors, no image has an anonymized version, sizes differ, or
            most copies show another picture than their original.

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
        sizes = [(each.width, each.height) for each in (clear[name], hidden[name])]
        if sizes[0] != sizes[1]:
            shown = " and ".join(f"{width} x {height}" for width, height in sizes)
            raise InputError(f"{anonymized}: {hidden[name].name} is no version of its original "
                             f"({shown} pixels)")  # fmt: skip
    detection = detection or Detection()
    if boxes is None:
        regions, failed = _searched([clear[name] for name in common], detectors, detection)
    else:
        columns = ["id", "path", "width", "height"]
        rows = [(each.id, each.name, each.width, each.height) for each in first.images]
        listed = Images(first.folder or Path(), pd.DataFrame(rows, columns=columns))
        regions, failed = dict(read_boxes_file(boxes, listed).regions()), 0
    blocks = {name: clear[name].blocks for name in common}
    regions = {n: with_blocks(regions[n], blocks[n]) for n in common if n in regions}
    # the given images may be only partly masked; the control is always masked here
    told = None if method is None else Variant(method, 100)
    variant = Variant(GIVEN, 100) if told is None or told == CONTROL else told
    pairs = [GivenImages({name: each[name] for name in regions}) for each in (clear, hidden)]
    wrong = other_pictures(pairs[0], pairs[1], regions)
    if 2 * len(wrong) > len(regions):
        raise InputError(
            f"{anonymized}: {len(wrong)} of {len(regions)} images show another picture than their "
            f"originals, such as {hidden[wrong[0]].name}; give each copy the path of its original"
        )
    for name in wrong:
        common.remove(name)
        del regions[name]
    contents = pd.Series({name: clear[name].digest for name in sorted(regions)}, dtype="str")
    published = Published(
        originals=GivenImages({name: clear[name] for name in regions}),
        versions={variant: GivenImages({name: hidden[name] for name in regions})},
        boxes=box_table(regions, seed),
        clusters=pd.Series(pd.factorize(contents)[0], index=contents.index),
    )
    settings = Privacy(attacks=tuple(attacks))
    equipment = Equipment(detection, anonymization or Anonymization(), detectors)
    table = attack("files", published, settings, equipment, seed, confidence)
    alone = len(clear) + len(copies) - 2 * len(hidden)
    unread = sum(not each.quiet for each in (*first.left_out, *second.left_out))
    left_out = alone + failed + unread + len(wrong)
    repeated = len(common) - len({clear[name].digest for name in common})
    return Attacked(table, len(common), repeated, left_out, len(wrong))


def _searched(
    pictures: Sequence[Picture], detectors: Sequence[str], settings: Detection
) -> tuple[dict[str, list[Region]], int]:
    """Regions of each image, and the number of images that could not be searched."""
    search, found, failed = Search(detectors, settings), {}, 0
    for picture in track(pictures, len(pictures), "images searched"):
        try:
            found[picture.id] = search(picture.pixels())
        except DetectorFailed:
            failed += 1
    return found, failed
