"""Search of images in memory, one batch after another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from anonbench.core.boxes import Region, box_table, image_regions
from anonbench.core.registries.detectors import Detector
from anonbench.detection.shard import Job, ShardSearch, flush
from anonbench.detection.text.reading import Original


class BatchSearch:
    """Detectors that search one batch after another, loaded once.

    Failures are recorded as by `detect_shard`, and the search goes on.
    """

    def __init__(self, job: Job, images: pd.DataFrame) -> None:
        """Load the earlier findings.

        Args:
            job: how images are searched; `root` is not read.
            images: columns id and digest of all images that will be searched.

        """
        self._search = ShardSearch(job, images)
        self._job = job
        self._caches = self._search.recalled()
        self._detectors: dict[str, Detector] | None = None

    def search(self, batch: Sequence[Original]) -> dict[str, list[Region]]:
        """Return the regions of those images that can be used, in draw order.

        Raises:
            InputError: a detector cannot be loaded, or fails on all images.

        """
        search = self._search
        readable = list(batch)
        search.leave_out_unreadable(readable)
        if self._detectors is None and any(search.is_new(image.id) for image in readable):
            self._detectors = search.load()
        for name, detector in (self._detectors or {}).items():
            search.detect(name, detector, readable, self._caches[name])
        search.note_doubts(readable)
        found = search.regions([image.id for image in batch])
        in_order = image_regions(box_table(found, self._job.seed))
        return {image_id: in_order.get(image_id, []) for image_id in found}

    def flush(self) -> None:
        """Write the findings since the last call."""
        flush(self._caches.values())

    def status(self, regions: Mapping[str, Sequence[Region]]) -> pd.DataFrame:
        """Return one row an image, columns `IMAGE_COLUMNS`, sorted by id.

        Args:
            regions: all that `search` returned.

        """
        return self._search.image_table(regions)
