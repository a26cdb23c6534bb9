"""The share of attention that falls inside the sensitive boxes.

It is measured against chance: what would fall there if the attention were spread evenly over what
the network sees of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from anonbench.anonymization.geometry import cover
from anonbench.core.boxes import Region
from anonbench.core.numeric.statistics import bootstrap_means, interval

if TYPE_CHECKING:
    from anonbench.training.data.preprocess import Preprocess

SAMPLE = 64
"""Validation images over which shares are averaged. An image's share varies little beside a
head's difference from chance, so that more would cost time and tell nothing new."""
SHARE_COLUMNS = ["id", "variant", "head", "share", "chance"]
SUMMARY_COLUMNS = ["model", "variant", "head", "share", "low", "high", "chance"]
SUMMARY_COLUMNS += ["above", "above_low", "above_high", "n"]
ALL_HEADS = "mean"
"""In the column `head` of a summary: the mean over all heads."""


def visible_boxes(
    regions: Sequence[Region], size: tuple[int, int], preprocess: Preprocess
) -> np.ndarray:
    """Return how much of each pixel of the network's input lies in a region.

    The regions are drawn at the image's full size and go through the very resizing and cropping
    that the image goes through.

    Args:
        regions: of the image; where they overlap, a pixel counts once.
        size: width and height of the image.
        preprocess: of the network.

    Returns:
        float32 [side, side] in [0, 1].

    """
    width, height = size
    inside = np.zeros((height, width), np.float32)
    for region in regions:
        area = cover(region, inside.shape)
        if area is not None:
            inside[area.window] = 1.0 if area.inside is None else inside[area.window] + area.inside
    return np.clip(preprocess.fit(np.minimum(inside, 1.0))[..., 0], 0.0, 1.0)


def patch_means(values: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Return the means of values [S, T] over a grid of equal patches, float64 [h, w]."""
    (height, width), (rows, columns) = values.shape, grid
    patches = values.reshape(rows, height // rows, columns, width // columns)
    return np.asarray(patches.mean(axis=(1, 3), dtype=np.float64))


def share_inside(maps: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Return each head's share of attention to patches that falls inside the regions.

    Attention counts as spread evenly within a patch. What the class token pays to itself and to
    registers is left out, so that an even map's share is the regions' share of the image.

    Args:
        maps: [heads, h, w] of `attention_maps`.
        covered: [h, w], how much of each patch lies in a region.

    Returns:
        float64 [heads] in [0, 1].

    """
    weights = maps.astype(np.float64)
    return np.asarray((weights * covered).sum(axis=(1, 2)) / weights.sum(axis=(1, 2)))


def summarize_shares(
    tables: Mapping[str, pd.DataFrame], resamples: int, confidence: float
) -> pd.DataFrame:
    """Return each head's mean share over images with its interval.

    Args:
        tables: by model, columns `SHARE_COLUMNS`.
        resamples: of the bootstrap over images.
        confidence: of the interval.

    Returns:
        One row for each model, variant and head, and one for the mean over heads (`ALL_HEADS`);
        columns `SUMMARY_COLUMNS`. `chance` is the regions' mean share of the image, `above` the
        mean of share less chance, whose interval is the narrower one: images with large regions
        have both high. `n` is the number of images.

    """
    rows: list[tuple[object, ...]] = []
    for model, table in tables.items():
        for variant, rows_of_variant in table.groupby("variant", sort=False):
            wide = rows_of_variant.pivot(index="id", columns="head", values="share").sort_index()
            names = [*(str(head) for head in wide.columns), ALL_HEADS]
            values = np.column_stack([wide, wide.mean(axis=1)])
            by_image = rows_of_variant.groupby("id", sort=True)["chance"].first().to_numpy()
            above = values - by_image[:, None]
            means = bootstrap_means(np.hstack([values, above]), resamples, "attention")
            bounds = [interval(column, confidence) for column in means.T]
            for column, name in enumerate(names):
                beyond = len(names) + column
                share = (float(values[:, column].mean()), *bounds[column], float(by_image.mean()))
                difference = (float(above[:, column].mean()), *bounds[beyond])
                rows.append((model, variant, name, *share, *difference, len(values)))
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
