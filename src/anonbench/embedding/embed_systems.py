"""Image sets embedded by a system under test, which is started once and only for new images."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.numeric.similarity import threads
from anonbench.core.progress import track
from anonbench.core.provenance import versions
from anonbench.core.registries.systems import System, SystemKind
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.embedding.systems.opening import identity_of, open_system
from anonbench.embedding.systems.vectors import Vectors
from anonbench.embedding.take_vectors import take_vectors
from anonbench.embedding.vector_cache import VectorCache

MOST_IN_MEMORY = 256
"""Larger groups of images are read one by one, as the system asks for them."""
KEPT_IMAGES, KEPT_SECONDS = 4096, 60.0
"""A killed job loses at most so many vectors, or so much time."""

log = logging.getLogger(__name__)


class Images(Protocol):
    """Images by id, with the digests of their bytes."""

    @property
    def ids(self) -> list[str]:
        """The ids, sorted."""
        ...

    @property
    def digests(self) -> list[str]:
        """Of each image, in the order of the ids."""
        ...

    def read(self, image_id: str) -> np.ndarray:
        """Return one image, uint8 [H, W] or [H, W, 3] RGB."""
        ...


def embed_sets(
    settings: SystemKind, sets: Sequence[tuple[str, ImageSet, Path]], kept: Path
) -> None:
    """Embed image sets by one system and write each as HDF5.

    Args:
        settings: of the system.
        sets: variant, images, and where their vectors go.
        kept: folder of the cache of vectors.

    Raises:
        InputError: the system cannot be started, or does not answer as it should.

    """
    provenance = {
        "model": identity_of(settings),
        "system": settings.effective(),
        "similarity": settings.similarity,
        "versions": versions("numpy"),
    }
    if isinstance(settings, Vectors):
        found = take_vectors(settings, [(variant, images) for variant, images, _ in sets])
    else:
        found = vectors_of(settings, [images for _, images, _ in sets], kept)
    for (_, images, output), values in zip(sets, found, strict=True):
        source = provenance | {"images": images.digest}
        write_embeddings(output, Embeddings(images.ids, values, source))


def vectors_of(settings: SystemKind, sets: Sequence[Images], kept: Path) -> list[np.ndarray]:
    """Return the vectors of image sets, float32 [N, D] each, in the order of their ids.

    Equal images are embedded once, also over several calls: vectors are cached by image content
    and the system's identity. The system is not started where all are known.

    Args:
        settings: of the system.
        sets: any number of them.
        kept: folder of the cache.

    Raises:
        InputError: as `embed_sets`.

    """
    cache = VectorCache(kept, identity_of(settings))
    new: dict[str, Callable[[], np.ndarray]] = {}
    for images in sets:
        for image_id, digest in zip(images.ids, images.digests, strict=True):
            if digest not in cache and digest not in new:
                new[digest] = _Reader(images, image_id)
    known = sum(len(images.ids) for images in sets) - len(new)
    log.info("%d images are new, of %d the vectors are known or shared", len(new), known)
    if new:
        with open_system(settings) as system:
            _compute(system, new, cache, settings)
    return [cache.read(images.digests) for images in sets]


class _OnDemand(Sequence[np.ndarray]):
    """Images that are read each time that they are asked for."""

    def __init__(self, readers: Sequence[Callable[[], np.ndarray]]) -> None:
        self._readers = readers

    def __len__(self) -> int:
        return len(self._readers)

    def __getitem__(self, place: Any) -> Any:
        """Return one image, or several as another such sequence."""
        found = self._readers[place]
        return _OnDemand(found) if isinstance(place, slice) else found()


class _Reader:
    """One image, read when it is called for."""

    __slots__ = ("_id", "_images")

    def __init__(self, images: Images, image_id: str) -> None:
        self._images, self._id = images, image_id

    def __call__(self) -> np.ndarray:
        """Return the image, uint8 [H, W, 3] RGB."""
        image = self._images.read(self._id)
        return image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)


def _compute(
    system: System,
    new: Mapping[str, Callable[[], np.ndarray]],
    cache: VectorCache,
    settings: SystemKind,
) -> None:
    """Embed images by digest, and cache their vectors; the next group is read meanwhile."""
    digests, at_once = list(new), settings.at_once
    groups = [digests[start : start + at_once] for start in range(0, len(digests), at_once)]
    waiting: list[str] = []
    vectors: list[np.ndarray] = []
    last, width = time.monotonic(), 0

    def flush() -> None:
        if waiting:
            cache.add(waiting, np.concatenate(vectors))
            waiting.clear()
            vectors.clear()

    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(threads()))
        stack.callback(flush)  # however the work ends

        def read(group: Sequence[str]) -> list[Future[np.ndarray]]:
            return [pool.submit(new[digest]) for digest in group]

        is_small = at_once <= MOST_IN_MEMORY
        ahead = read(groups[0]) if is_small else []
        for number, group in enumerate(track(groups, len(groups), f"groups of {at_once} images")):
            images: Sequence[np.ndarray]
            if is_small:
                images = [future.result() for future in ahead]
                ahead = read(groups[number + 1]) if number + 1 < len(groups) else []
            else:
                images = _OnDemand([new[digest] for digest in group])
            found = system.encode(images)
            if width and found.shape[1] != width:
                raise InputError(
                    f"systems: the {settings.label} system returned vectors of {found.shape[1]} "
                    f"dimensions after others of {width}; one system has one. {cache.way_out}"
                )
            width = found.shape[1]
            vectors.append(found)
            waiting += group
            if len(waiting) >= KEPT_IMAGES or time.monotonic() - last > KEPT_SECONDS:
                flush()
                last = time.monotonic()
