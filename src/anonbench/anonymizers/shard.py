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
from anonbench.images import decode, encode, read_image
from anonbench.imageset import ShardWriter
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

    Images that detection could not read are left out of every variant, and so are images in which
    nothing was found, unless `keep_without_regions`.

    Args:
        manifest: at least `id` and `path` of the shard's images.
        root: folder that `path` is relative to.
        boxes: the shard's box table.
        images: the shard's detection outcome: `id`, `status`.
        variant: the version to write; the original one is coded as it is.
        settings: strengths, margin, format.
        keep_without_regions: see above.
        output: the tar's path; beside it, `.audit.json` tells images and hidden regions.

    Raises:
        InputError: an image that detection read is gone or changed, or fails the audit.

    """
    wanted = {"ok", "partial"} | ({"empty"} if keep_without_regions else set())
    used = set(images["id"][images["status"].isin(wanted)])
    rows = manifest[manifest["id"].isin(used)].sort_values("id")
    regions = image_regions(boxes)
    pairs = zip(rows["id"], rows["path"], strict=True)
    hidden = 0
    with ShardWriter(output) as shard:
        for image_id, path in track(pairs, len(rows), f"{variant}"):
            original = read_image(root / path)
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
