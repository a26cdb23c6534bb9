"""Anonymization of one shard: originals and boxes in, a tar of one variant out."""

import logging
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.audit.regions import Source
from anonbench.anonymization.checked import hidden, masked_instead, naming
from anonbench.config import Anonymization
from anonbench.core.boxes import image_regions
from anonbench.core.errors import InputError
from anonbench.core.io import write_json
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.memory import keep_freed_memory, memory_for
from anonbench.core.progress import track
from anonbench.core.vocabulary import Variant
from anonbench.datasets.coding_blocks import add_coding_blocks
from anonbench.datasets.formats.pages import Page, page_of
from anonbench.datasets.image_sets.shards import ShardWriter, used_rows
from anonbench.datasets.images import encode, read_image, read_original

log = logging.getLogger(__name__)


def anonymize_shard(
    manifest: pd.DataFrame,
    root: Path,
    boxes: pd.DataFrame,
    images: pd.DataFrame,
    variant: Variant,
    settings: Anonymization,
    keep_without_regions: bool,
    output: Path,
) -> None:
    """Write one variant of a shard's images, in id order, and what their audit counted.

    Args:
        manifest: at least `id`, `path`, `bytes` and `digest` of the shard's images.
        root: folder that `path` is relative to.
        boxes: the shard's box table.
        images: the shard's detection outcome: `id`, `status`, `regions`.
        variant: the version to write.
        settings: strengths, margin, format.
        keep_without_regions: see `used_rows`.
        output: the tar's path; `<shard>.audit.json` is beside it.

    Raises:
        ChangedImage: a file is another one than the manifest describes, or gone.
        InputError: an image, or the shard as a whole, fails the audit for another reason than that
            the method leaves a region nearly as it was: such an image is masked, and counted.
    """
    keep_freed_memory()
    rows = used_rows(manifest, images, keep_without_regions)
    regions = image_regions(boxes)
    files = zip(*(rows[name].tolist() for name in ("id", "path", "bytes", "digest")), strict=True)
    auditor = Auditor(boxes, variant, settings)
    # products of an audit are small: threads would take longer to meet than to compute
    with threadpool_limits(1, user_api="blas"), ShardWriter.open(output) as shard:

        def add(image_id: str, data: bytes, page: Page | None) -> None:
            original = read_image(data, None, page)
            original.flags.writeable = False  # it is what the result is held against
            with memory_for(original.shape[0] * original.shape[1]):
                own = add_coding_blocks(regions.get(image_id, []), data, page)
                found, source = auditor.regions(image_id), Source(data, page)
                with naming(image_id, variant):
                    made = hidden(original, own, variant, settings, found, source, or_masked=True)
                    coded = encode(made.pixels, settings.format)
                    auditor.check(image_id, coded, made.pixels, made.counts)
                if made.refused:
                    log.warning("image %r, %s: %s: it is masked", image_id, variant, made.refused)
                    auditor.counts["failed"] += 1
                height, width = original.shape[:2]
                extension = "png" if settings.format == "png" else "jpg"
                shard.add(image_id, coded, extension, width, height)
                if shard.read_back(image_id) != coded:
                    raise InputError(
                        f"image {image_id!r} as {variant} fails its audit: its shard contains "
                        "another file than the checked one. Nothing of it is published; check the "
                        "disk for damage"
                    )

        for image_id, path, size, digest in track(files, len(rows), f"{variant}"):
            # the very bytes that were searched; the manifest has checked how many pixels they have
            data = read_original(image_id, root / path, size, digest)
            add(image_id, data, page_of(digest))  # nothing of an image is left in memory
        auditor.check_set(images, keep_without_regions)
    write_json(output.with_suffix(".audit.json"), auditor.counts)
    if failed := auditor.counts["failed"]:
        warn_on_terminal(
            log,
            f"{masked_instead(str(variant), failed)}, and audit.csv counts these as failed audits",
        )
    log.info("%d of %d images written as %s", len(rows), len(manifest), variant)
