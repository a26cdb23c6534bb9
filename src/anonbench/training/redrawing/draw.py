"""Image set of redrawn pictures: a tar of one shard."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.check import check_outside
from anonbench.anonymization.audit.regions import read_regions
from anonbench.anonymization.geometry import hidden_pixels
from anonbench.config import Anonymization
from anonbench.core.boxes import Region, image_regions, regions_at
from anonbench.core.errors import InputError
from anonbench.core.progress import track
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode
from anonbench.training.redrawing.network import Drawing, load_redrawer

log = logging.getLogger(__name__)


def redraw_shard(
    hidden: Path,
    boxes: pd.DataFrame,
    variant: Variant,
    hiding: Anonymization,
    network: Path,
    output: Path,
) -> None:
    """Write a shard's anonymized pictures with their hidden regions redrawn, in id order.

    No original is read. Outside of the hidden regions a picture is unchanged, bit for bit: this is
    verified for the files as written, with the audit's own reading of files and regions.

    Args:
        hidden: the anonymized shard's tar.
        boxes: the shard's box table.
        variant: method and degree of the shard.
        hiding: margin and shapes of regions.
        network: see `save_redrawer`.
        output: the tar's path.

    Raises:
        InputError: the network cannot be loaded, or a picture would change outside of its regions.

    """
    images, drawing = ImageSet.open([hidden]), load_redrawer(network)
    where = shown_hidden(image_regions(boxes), variant.degree)
    audited = read_regions(boxes)
    with ShardWriter(output) as shard:
        for image_id in track(images.ids, len(images), f"{variant} redrawn"):
            picture = images.read(image_id)
            regions = hidden_pixels(where.get(image_id, ()), picture.shape, hiding)
            drawn = redrawn(picture, regions, drawing)
            height, width = drawn.shape[:2]
            shard.add(image_id, encode(drawn), "png", width, height)
            files = images.read_bytes(image_id), shard.read_back(image_id)
            try:
                check_outside(
                    picture, drawn, files, audited.get(image_id, []), variant.degree, hiding
                )
            except Failure as failure:
                raise InputError(
                    f"image {image_id!r} of {variant}, redrawn: {failure}. Nothing of its shard "
                    "is published. This is a fault of the program: report it"
                ) from None
    log.info("%d images of %s redrawn", len(images), variant)


@torch.inference_mode()
def redrawn(picture: np.ndarray, hidden: np.ndarray, drawing: Drawing) -> np.ndarray:
    """Return a picture in RGB whose hidden pixels are drawn, as far as the model sees them.

    The picture, uint8 [H, W] or [H, W, 3], is not changed. A grey one is drawn in colours too,
    which the model sees. `hidden` says which pixels are hidden, bool [H, W].
    """
    preprocess, device = drawing.preprocess, next(drawing.network.parameters()).device
    seen, share = (
        torch.from_numpy(preprocess.fit(each)).to(device).permute(2, 0, 1)[None].float().div(255.0)
        for each in (picture, as_picture(hidden))
    )
    values = drawing.network(seen, share[:, :1])[0].permute(1, 2, 0)
    drawn, visible = preprocess.placed(
        values.mul(255.0).round().clamp(0, 255).byte().cpu().numpy(), picture.shape
    )
    result = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture.copy()
    drawn_here = hidden & visible
    result[drawn_here] = drawn[drawn_here]
    return result


def shown_hidden(
    regions: Mapping[str, Sequence[Region]], degree: int
) -> dict[str, Sequence[Region]]:
    """Return the regions that a degree hides, by image, from all regions in draw order."""
    return {name: each[: regions_at(degree, len(each))] for name, each in regions.items()}


def as_picture(where: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W]: white where bool [H, W] is true."""
    return where.astype(np.uint8) * np.uint8(255)
