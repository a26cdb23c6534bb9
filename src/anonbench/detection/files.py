"""Sensitive regions of all images of a folder, tar, table or list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from anonbench.config import Detection
from anonbench.config.detectors import LOOKED_FOR, default_detection
from anonbench.core.boxes import Region, box_table
from anonbench.core.errors import UnreadableImage
from anonbench.core.memory import memory_for
from anonbench.core.progress import track
from anonbench.core.settings import section
from anonbench.core.workers import DIED, map_in_processes, processes
from anonbench.datasets.formats.pdf import text_places
from anonbench.datasets.headers import Limits, header_of
from anonbench.datasets.images import read_image
from anonbench.datasets.inputs import ImageFile, LeftOut, open_images
from anonbench.detection.reading import doubts_of_file
from anonbench.detection.search import DetectorFailed, Search, searching

if TYPE_CHECKING:
    import pandas as pd

SEED = 0  # seed of the draw order, the config's default
COLUMNS = (
    *("id", "name", "status", "reason", "digest", "width", "height"),
    *("converted", "regions", "doubts"),
)


@dataclass(frozen=True)
class Detected:
    """Regions of the images that were given."""

    boxes: pd.DataFrame  # Box table (`anonbench.core.boxes.BOX_COLUMNS`), by image and draw order.
    images: pd.DataFrame
    """A row an image (`COLUMNS`), by name. The status is ok, empty (nothing was found), failed (a
    detector did) or unreadable; the digest is the file's SHA-256, for a page with its number;
    `converted` names conversions by reading (`anonbench.datasets.headers.Header`), `doubts`
    the reasons for a person to look at it (`anonbench.detection.doubts`), separated by semicolons.
    """
    left_out: tuple[LeftOut, ...]  # Files that are not images.

    @property
    def is_doubtful(self) -> bool:
        """Whether there are images whose content is unknown or doubtful."""
        known = self.images["status"].isin(["ok", "empty"])
        certain = known & (self.images["doubts"] == "")
        return not certain.all() or any(not each.quiet for each in self.left_out)


def detect(
    images: str | Path | Iterable[str | Path],
    detectors: Iterable[str] = LOOKED_FOR,
    *,
    workers: int | None = None,
    detection: Detection | None = None,
) -> Detected:
    """Find the sensitive regions of images.

    >>> import anonbench
    >>> found = anonbench.detect("photos", ["zxing"])
    >>> found.images["status"].tolist(), found.boxes["entity"].tolist()
    (['ok', 'ok', 'empty'], ['barcode', 'barcode'])

    Args:
        images: see `anonbench.datasets.inputs.open_images`; each page of a PDF or TIFF file of
            several is an image.
        detectors: whose regions are taken together.
        workers: processes; all cores where it is None.
        detection: settings of the detectors; chosen to miss little where None.

    Raises:
        InputError: there is no image, or a detector cannot be loaded.
    """
    import pandas as pd

    workers = processes(workers)
    given = open_images(images, pages=True)
    settings = section("detection", detection, default_detection())
    make = partial(_Worker, searching(detectors), settings)
    results = map_in_processes(make, given.images, min(workers, len(given)), _died)
    by_id = {row[0]: (row, found) for row, found in track(results, len(given), "images searched")}
    rows, regions = zip(*(by_id[image.id] for image in given), strict=True)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    boxes = box_table(dict(zip(table["id"], regions, strict=True)), SEED)
    return Detected(boxes, table, given.left_out)


_Found = tuple[tuple[str, str, str, str, str, int, int, str, int, str], list[Region]]
"""A row of `COLUMNS`, and the regions."""


def _died(image: ImageFile) -> _Found:
    return (image.id, image.name, "failed", DIED, "", 0, 0, "", 0, ""), []


class _Worker:
    def __init__(self, detectors: tuple[str, ...], settings: Detection) -> None:
        self._limit, self._search = settings.max_pixels, Search(detectors, settings)

    def __call__(self, image: ImageFile) -> _Found:
        names = (image.id, image.name)
        try:
            data = image.data(self._limit)
            sha256 = hashlib.sha256(data).hexdigest()
            header = header_of(data, sha256, image.page, Limits(self._limit))
            with memory_for(header.width * header.height):
                pixels = read_image(data, self._limit, header.page)
                pixels.flags.writeable = False  # later detectors see what a detector writes into it
                known = (header.digest, *pixels.shape[1::-1], header.converted)
                seen = self._search.searched(pixels, text_places(data, header.page))
        except UnreadableImage as error:
            return (*names, "unreadable", str(error), "", 0, 0, "", 0, ""), []
        except DetectorFailed as error:
            return (*names, "failed", str(error), *known, 0, ""), []
        found = seen.regions
        doubts = "; ".join([*seen.how["doubts"], *doubts_of_file(data, header.page)])
        return (*names, "ok" if found else "empty", "", *known, len(found), doubts), found
