"""Embeddings of images that are given, as the pipeline makes them of its image sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.jobs.work_cache import flushed_at_intervals
from anonbench.core.numeric.similarity import threads
from anonbench.core.progress import track_batches
from anonbench.core.provenance import versions
from anonbench.detection.base import as_rgb
from anonbench.embedding.given.encoders import Encoder, open_encoder, settled
from anonbench.embedding.given.images import Given, ahead, digest_of, look_at
from anonbench.embedding.store import Embeddings
from anonbench.embedding.systems import System
from anonbench.embedding.vector_cache import VectorCache

Encode = Callable[[Sequence[np.ndarray]], np.ndarray]
"""From images, uint8 [H, W, 3], to vectors, float32 [N, D]."""

_VECTORS = "vectors"


def embed(encoder: Encoder, images: Given, cache: Path | str | None = None) -> Embeddings:
    """Embed images, whatever their number: they are read in batches.

    Args:
        encoder: a function from a list of images (uint8 [H, W, 3] RGB) to floats [N, D], a system,
            or its name (`anonbench.embedding.given.encoders`), such as `timm:resnet18`.
        images: a folder, a list of paths, or arrays (`anonbench.embedding.given.images.Given`).
        cache: folder in which vectors are kept by image content and system.

    Returns:
        Ids, sorted, and vectors, float32 [N, D]. The ids are the files' names, which do not depend
        on other files, or a table's own. Each page of a PDF or TIFF file of several is an image.
        Images that cannot be read are left out, and `provenance` has the reasons: `left_out`, a
        name and a reason each.

    Raises:
        InputError: there is no image, the system cannot be started, or does not answer as it
            should.

    Example:
        >>> import numpy as np, anonbench
        >>> photos = [np.full((8, 8, 3), level, np.uint8) for level in range(5)]
        >>> anonbench.embed(lambda images: np.array([x.mean((0, 1)) for x in images]), photos).ids
        ['0', '1', '2', '3', '4']

    """
    encoder = settled(encoder)
    pictures = look_at(images)
    ids: list[str] = []
    parts: list[np.ndarray] = []
    left = [[each.name, each.reason] for each in pictures.left_out if not each.quiet]
    names = {image.id: image.name or image.id for image in pictures.images}
    keys = {image.id: image.key for image in pictures.images}
    with open_encoder(encoder) as system, encoding(system, cache) as encode:
        batches = ahead(pictures.batches(threads()))
        for batch in track_batches(batches, len(pictures.images), "images embedded"):
            left += [[names[image.id], image.problem] for image in batch if image.problem]
            readable = [image for image in batch if not image.problem]
            if readable:
                parts.append(encode([as_rgb(image.pixels) for image in readable]))
                ids += [keys[image.id] for image in readable]
        identity, similarity = system.identity, system.similarity
    if not parts:
        raise InputError(f"{pictures.place}: no image can be read, {left[0][1]} for one")
    made_by = {
        "system": identity,
        "similarity": similarity,
        "images": pictures.digest,
        "left_out": left,
        "converted": pictures.conversions,
        "versions": versions("numpy"),
    }
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return Embeddings([ids[row] for row in order], joined(parts)[order], made_by)


@contextmanager
def encoding(system: System, cache: Path | str | None) -> Iterator[Encode]:
    """Give what encodes images by a system; with a cache folder it keeps the vectors.

    Raises:
        InputError: a cache is asked for, and nothing tells one version of the system from another.

    """
    if cache is None:
        yield system.encode
        return
    if not system.identity:
        raise InputError(
            "cache: a function has no identity that tells its next version from this one; give an "
            "object with encode, identity and similarity, or a system such as "
            "'function:module:encode', or leave the cache out"
        )
    kept = VectorCache(Path(cache) / _VECTORS, system.identity)
    with flushed_at_intervals(kept.flush) as flush_if_due:

        def encode(images: Sequence[np.ndarray]) -> np.ndarray:
            digests = [digest_of(image) for image in images]
            pairs = zip(digests, images, strict=True)
            if new := {digest: image for digest, image in pairs if digest not in kept}:
                kept.add(list(new), system.encode(list(new.values())))
                flush_if_due()
            return kept.read(digests)

        yield encode


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Return the vectors of all batches, float32 [N, D].

    Raises:
        InputError: batches have different dimensions.

    """
    widths = sorted({part.shape[1] for part in parts})
    if len(widths) > 1:
        raise InputError(
            f"the system returned vectors of {widths[0]} and of {widths[-1]} dimensions; all have "
            "to have the same"
        )
    return np.concatenate(parts)
