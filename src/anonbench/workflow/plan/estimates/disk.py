"""Disk space by formula for stages that have written nothing yet."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from anonbench.config import Layout, Recipe
from anonbench.config.rates import PIXELS
from anonbench.core.errors import UnreadableImage
from anonbench.core.vocabulary import Split
from anonbench.datasets.documents import page_numbers
from anonbench.datasets.listing import root_of
from anonbench.training.loop.flops import sizes_by_settings
from anonbench.workflow.plan.estimates.gpu_time import embedded
from anonbench.workflow.plan.jobs import Job, Plan

SAMPLED = 8
"""Images of a data set that are encoded as anonymized ones would be."""
PUBLISHED: dict[Layout, dict[str, float]] = {
    Layout.CELEBA: {"png": 69e3, "jpeg": 19e3},
    Layout.RVL_CDIP: {"png": 147e3, "jpeg": 161e3},
}
"""Mean bytes of 40 images, for plans made before the data exist. CelebA's were measured at half the
size and scaled by pixels, which overestimates."""
ID_BYTES = 64
"""Bytes of an image's id in a file of embeddings; measured: 40 to 60."""
TAR_BYTES = 850
"""Overhead in bytes of an image in a shard: header, padding, line of the index."""


def disk_by_formula(plan: Plan) -> Callable[[Job], float | None]:
    """Function from a job to the bytes that it will write, or None if unknown."""
    image = cache(lambda name: _image_bytes(plan, name))

    def disk(job: Job) -> float | None:
        name = job.wildcards.get("dataset", "")
        match job.stage:
            case "train":
                return _backbone_bytes(plan.estimates.recipe(name))
            case "embed" | "embed_untrained":
                backbone = plan.estimates.recipe(name).backbone
                known = sizes_by_settings(backbone)
                return embedded(plan, job) * (4.0 * known.width + ID_BYTES) if known else None
            case "embed_pixels":
                return embedded(plan, job) * (4.0 * PIXELS + ID_BYTES)
            case "anonymize" | "given" | "redraw":
                each = image(name)
                return each and _in_shard(plan, job) * (each + TAR_BYTES)
        return None

    return disk


def _backbone_bytes(recipe: Recipe) -> float | None:
    """Bytes of a backbone: float32 weights, biases, norms and positions."""
    sizes = sizes_by_settings(recipe.backbone)
    if sizes is None:
        return None
    patches = (recipe.crops.global_size // sizes.patch) ** 2
    vectors = 15 * sizes.depth + 3 * sizes.patch**2 + patches + 2 * sizes.prefix
    return 4.0 * (sizes.weights + vectors * sizes.width)


def _in_shard(plan: Plan, job: Job) -> float:
    name, split = job.wildcards["dataset"], Split(job.wildcards["split"])
    counts = dict(plan.started.counts[name])
    return counts[split] / len(plan.started.experiment.shards(name, split, counts))


def _image_bytes(plan: Plan, name: str) -> float | None:
    """Mean bytes of a data set's images in the format of anonymized ones.

    Measured on a few unchanged images; hidden regions usually need less.
    """
    from anonbench.datasets.files.headers import page_to_read
    from anonbench.datasets.images import encode, max_bytes, read_file, read_image

    dataset, settings = plan.started.experiment.datasets[name], plan.started.settings
    limit, written = settings.detection.max_pixels, settings.anonymization
    listed = plan.started.listings[name]
    some = listed.iloc[np.unique(np.linspace(0, len(listed) - 1, SAMPLED).astype(int))]
    sizes = []
    for path, number in zip(some["path"], page_numbers(some), strict=True):
        try:
            data = read_file(root_of(dataset) / path, max_bytes(limit))
            pixels = read_image(data, limit, page_to_read(data, number, dataset.pdf_dpi))
        except UnreadableImage:
            continue  # the manifest will skip and report it
        sizes.append(len(encode(pixels, written.format)))
    return float(np.mean(sizes)) if sizes else PUBLISHED.get(dataset.layout, {}).get(written.format)
