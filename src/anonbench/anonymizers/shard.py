"""One shard of an image set: originals and boxes in, a tar of one variant out."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from anonbench.anonymizers.apply import anonymize, audit
from anonbench.boxes import image_regions, regions_at
from anonbench.config import Anonymization
from anonbench.errors import InputError
from anonbench.files import write_json
from anonbench.images import decode, encode, read_image, read_original
from anonbench.imageset import ShardWriter
from anonbench.originals import used_rows
from anonbench.progress import track
from anonbench.vocabulary import Variant

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
    """Write one variant of a shard's images, in id order.

    Args:
        manifest: at least `id`, `path`, `bytes` and `digest` of the shard's images.
        root: folder that `path` is relative to.
        boxes: the shard's box table.
        images: the shard's detection outcome: `id`, `status`.
        variant: the version to write.
        settings: strengths, margin, format.
        keep_without_regions: see `used_rows`.
        output: the tar's path; beside it, `.audit.json` tells images and hidden regions.

    Raises:
        ChangedImage: a file is another one than the manifest describes, or gone.
        InputError: an image fails the audit.

    """
    rows = used_rows(manifest, images, keep_without_regions)
    regions = image_regions(boxes)
    files = zip(*(rows[name] for name in ("id", "path", "bytes", "digest")), strict=True)
    hidden = 0
    with ShardWriter(output) as shard:
        for image_id, path, size, digest in track(files, len(rows), f"{variant}"):
            # the very bytes that were searched; the manifest has checked how many pixels they have
            original = read_image(read_original(image_id, root / path, size, digest), None)
            found = regions.get(image_id, [])
            data = encode(
                anonymize(original, found, variant, settings),
                settings.format,
                settings.jpeg_quality,
            )
            problem = audit(original, decode(data), found, variant, settings)
            if problem:
                raise InputError(f"image {image_id!r} as {variant}: {problem}")
            hidden += regions_at(variant.degree, len(found)) if variant.method else 0
            height, width = original.shape[:2]
            extension = "png" if settings.format == "png" else "jpg"
            shard.add(image_id, data, extension, width, height)
    write_json(
        output.with_suffix(".audit.json"), {"images": len(rows), "regions": hidden, "failed": 0}
    )
    log.info("%d of %d images written as %s", len(rows), len(manifest), variant)
