"""Image sets embedded by a system under test, which is started once and only for new images."""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.core.jobs.work_cache import flushed_at_intervals
from anonbench.core.numeric.similarity import threads
from anonbench.core.progress import track
from anonbench.core.provenance import versions
from anonbench.core.registries.systems import SystemKind
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.detection.base import as_rgb
from anonbench.embedding.given_images import ahead
from anonbench.embedding.store import VectorCache, write_set
from anonbench.embedding.systems.opening import identity_of, open_system
from anonbench.embedding.systems.vectors import Vectors

MOST_IN_MEMORY = 256
"""Greatest number of images in memory; those of larger groups are read as the system uses them."""
Reader = Callable[[], np.ndarray]  # reads one image, uint8 [H, W] or [H, W, 3] RGB

log = logging.getLogger(__name__)


def embed_sets(
    settings: SystemKind, sets: Sequence[tuple[str, ImageSet, Path]], kept: Path
) -> None:
    """Embed image sets by one system and write each as HDF5.

    The sets are variant, images, and the path for their vectors; the folder `kept` has the cache.

    Raises:
        InputError: the system cannot be started, or does not answer as it should.
    """
    made_by = {
        "model": identity_of(settings),
        "system": settings.effective(),
        "similarity": settings.similarity,
        "versions": versions("numpy"),
    }
    if isinstance(settings, Vectors):
        found = settings.image_set_vectors([(variant, images) for variant, images, _ in sets])
    else:
        found = vectors_of(settings, [images for _, images, _ in sets], kept)
    for (_, images, output), values in zip(sets, found, strict=True):
        write_set(output, images, values, made_by)


def vectors_of(settings: SystemKind, sets: Sequence[ImageSet], kept: Path) -> list[np.ndarray]:
    """Return the vectors of image sets, float32 [N, D] each, in the order of their ids.

    Equal images are embedded once, also over several calls: vectors are cached in the folder `kept`
    by image content and the system's identity. The system is not started if all are cached. One
    group of images is read while the one before it is embedded.
    """
    cache = VectorCache(kept, identity_of(settings))
    new: dict[str, Reader] = {}
    for images in sets:
        for image_id, digest in zip(images.ids, images.digests, strict=True):
            if digest not in cache and digest not in new:
                new[digest] = partial(images.read, image_id)
    known = sum(len(images.ids) for images in sets) - len(new)
    log.info("%d images are new, of %d the vectors are known or shared", len(new), known)
    digests, size = list(new), settings.most_images
    groups = [digests[start : start + size] for start in range(0, len(digests), size)]

    def read(group: Sequence[str]) -> Sequence[np.ndarray]:
        found = _OnDemand([new[digest] for digest in group])
        return (
            found if size > MOST_IN_MEMORY else list(pool.map(found.__getitem__, range(len(group))))
        )

    if new:
        with (
            open_system(settings) as system,
            ThreadPoolExecutor(threads()) as pool,
            flushed_at_intervals(cache.flush) as flush_if_due,
            closing(ahead(map(read, groups))) as batches,
        ):
            coming = track(batches, len(groups), f"groups of {size} images")
            for group, pictures in zip(groups, coming, strict=True):
                cache.add(group, system.encode(pictures))
                flush_if_due()
    return [cache.read(images.digests) for images in sets]


class _OnDemand(Sequence[np.ndarray]):
    """Images, uint8 [H, W, 3], that are read each time they are used."""

    def __init__(self, readers: Sequence[Reader]) -> None:
        self._readers = readers

    def __len__(self) -> int:
        return len(self._readers)

    def __getitem__(self, place: Any) -> Any:
        """Return one image, or several as another such sequence."""
        found = self._readers[place]
        return _OnDemand(found) if isinstance(place, slice) else as_rgb(found())
