"""Images searched, anonymized and encoded batch by batch; only vectors stay in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.anonymization.apply import anonymize
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region, box_table
from anonbench.core.errors import InputError
from anonbench.core.jobs.work_cache import flushed_at_intervals
from anonbench.core.progress import track_batches
from anonbench.core.registries.systems import Similarity
from anonbench.core.vocabulary import Variant
from anonbench.core.wording import count
from anonbench.datasets.images import decode, encode
from anonbench.detection.base import as_rgb
from anonbench.detection.search import more_detectors
from anonbench.detection.shard import Job, ShardSearch
from anonbench.detection.text.reading import Original
from anonbench.embedding.given.embed import Encode, joined
from anonbench.embedding.given.images import Pictures, ahead
from anonbench.embedding.store import Embeddings

_CACHE = "detections"


@dataclass(frozen=True)
class Treatment:
    """How images are searched and hidden."""

    detectors: Sequence[str]
    variants: Sequence[Variant]
    detection: Detection
    anonymization: Anonymization
    boxes: Mapping[str, Sequence[Region]]
    """The user's own regions by image id."""
    keep_without_regions: bool
    seed: int
    """Of the regions' draw order."""
    cache: Path | None
    """Folder in which detections are kept."""


@dataclass(frozen=True)
class Encoded:
    """Vectors, outcomes and regions of all images."""

    vectors: Mapping[Variant, Embeddings]
    """Of the originals and of each variant: the same ids, sorted."""
    images: pd.DataFrame
    """One row an image that could be opened: id, status, reason, regions
    (`anonbench.detection.shard.detect_shard`), sorted by id."""
    boxes: pd.DataFrame
    """Regions of the images that have vectors, columns `anonbench.core.boxes.BOX_COLUMNS`."""


_Image = tuple[Original, Sequence[Region]]


def encode_variants(
    pictures: Pictures,
    encode_images: Encode,
    similarity: Similarity,
    treatment: Treatment,
    threads: int,
) -> Encoded:
    """Search, anonymize and encode all images.

    A batch is searched while the previous one is encoded. Pixels are the same as those that the
    pipeline writes and reads back.

    Args:
        pictures: the images.
        encode_images: of the system under test.
        similarity: how its vectors are compared.
        treatment: how they are searched and hidden.
        threads: for reading, searching and anonymizing; they have no effect on the result.

    Raises:
        InputError: a detector cannot be loaded, or no image can be used.

    """
    table = pd.DataFrame([(image.id, image.digest) for image in pictures.images])
    job = Job(
        root=Path(),
        detectors=treatment.detectors,
        settings=treatment.detection,
        seed=treatment.seed,
        threads=threads,
        boxes=treatment.boxes,
        kept=[treatment.cache / _CACHE] if treatment.cache else [],
    )
    search = ShardSearch(job, table.set_axis(["id", "digest"], axis=1))
    variants = [Variant(), *treatment.variants]
    parts: dict[Variant, list[np.ndarray]] = {variant: [] for variant in variants}
    regions: dict[str, list[Region]] = {}
    ids: list[str] = []
    searched = _searched(pictures, search, regions, threads)
    with (
        flushed_at_intervals(search.flush) as flush_if_due,
        ThreadPoolExecutor(threads, "anonymize") as pool,
        closing(ahead(searched)) as batches,
    ):
        for batch in track_batches(batches, len(pictures.images), "images evaluated"):
            kept = treatment.keep_without_regions
            used = [image for image in batch if image and (image[1] or kept)]
            for variant in variants if used else ():
                make = partial(_pixels, variant=variant, settings=treatment.anonymization)
                parts[variant].append(encode_images(list(pool.map(make, used))))
            ids += [original.id for original, _ in used]
            flush_if_due()
    images = search.image_table(regions)
    if not ids:
        raise InputError(_nothing(pictures.place, images, treatment))
    made_by = {"similarity": similarity}
    vectors = {variant: Embeddings(ids, joined(found), made_by) for variant, found in parts.items()}
    hidden = box_table({image_id: regions[image_id] for image_id in ids}, treatment.seed)
    return Encoded(vectors, images, hidden)


def _searched(
    pictures: Pictures, search: ShardSearch, found: dict[str, list[Region]], threads: int
) -> Iterator[list[_Image | None]]:
    """Yield each batch with its regions, None for an image that cannot be used."""
    for batch in pictures.batches(threads):
        readable = list(batch)
        search.search(readable)
        regions = search.in_order([image.id for image in batch])
        found |= regions
        yield [(image, regions[image.id]) if image.id in regions else None for image in batch]


def _pixels(image: _Image, variant: Variant, settings: Anonymization) -> np.ndarray:
    """Return an image in one variant as the pipeline's image sets hold it, uint8 [H, W, 3]."""
    original, regions = image
    pixels = anonymize(original.pixels, regions, variant, settings)
    if settings.format == "jpeg" and variant.method is not None:
        pixels = decode(encode(pixels, settings.format))
    return as_rgb(pixels)


def _nothing(place: str, images: pd.DataFrame, treatment: Treatment) -> str:
    """Message that explains why no image can be used, with a hint."""
    statuses = images["status"].value_counts()
    if "empty" not in statuses:
        reason = images["reason"].iloc[0]
        return f"{place}: no image can be used; {reason} for one"
    names = ", ".join(treatment.detectors)
    others = "give boxes of your own"
    if treatment.detectors != ("boxes",):
        others = f"{more_detectors(treatment.detectors)}; or {others}"
    return (
        f"{place}: nothing was found by {names} in {count(int(statuses['empty']), 'image')}, so "
        f"that there is nothing to anonymize; {others}"
    )
