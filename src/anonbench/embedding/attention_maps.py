"""Attention maps: their file, and the share of attention inside the sensitive boxes.

It works without PyTorch. A share is compared with three null values:

- chance: attention spread evenly over what the network sees of the image.
- others: the same attention in the boxes of other images. A model that looks at the middle of every
  image has a share above chance, and no higher than this, where boxes lie in the middle.
- untrained: the same network with the random weights of before its training, on the same image
  (Adebayo et al., "Sanity Checks for Saliency Maps", NeurIPS 2018: a map that does not depend on
  the weights says nothing about what was learned).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.anonymization.geometry import cover
from anonbench.core.boxes import Region
from anonbench.core.io import atomic
from anonbench.core.numeric.clusters import clustered_mean
from anonbench.datasets.clusters import clusters_of
from anonbench.training.data.preprocess import Preprocess

# number of validation images over which shares are averaged: an image's share varies little
# compared with a head's difference from chance
SAMPLE = 64
NULLS = ("chance", "others", "untrained")  # null values that a share is compared with
SHARE_COLUMNS = ["id", "variant", "head", "share", *NULLS]
SUMMARY_COLUMNS = ["model", "variant", "head", "share", "low", "high"]
SUMMARY_COLUMNS += [f"{null}{end}" for null in NULLS for end in ("", "_above", "_low", "_high")]
SUMMARY_COLUMNS += ["n", "clusters", "reason"]
ALL_HEADS = "mean"  # value of the column `head` of a summary for the mean over all heads


@dataclass(frozen=True)
class AttentionMaps:
    """The maps of one model, with the geometry of its input."""

    preprocess: Preprocess
    maps: dict[tuple[str, str], np.ndarray]  # by variant and image id: float32 [heads, h, w]


def write_maps(attention: AttentionMaps, path: Path) -> None:
    """Write NPZ: an array a variant and image, and `preprocess`."""
    arrays = {
        f"{variant}/{image_id}": heads for (variant, image_id), heads in attention.maps.items()
    }
    how = attention.preprocess
    about = np.array([str(how.side), how.normalize, how.resize])
    with atomic(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, preprocess=about, **arrays)


def read_maps(path: Path) -> AttentionMaps:
    """Read the maps that `anonbench.embedding.attention.attend` wrote."""
    with np.load(path) as stored:
        side, normalize, resize = stored["preprocess"].tolist()
        names = [name for name in stored.files if name != "preprocess"]
        maps = {
            (variant, image_id): np.asarray(stored[f"{variant}/{image_id}"], np.float32)
            for variant, _, image_id in (name.partition("/") for name in names)
        }
    return AttentionMaps(Preprocess(int(side), normalize, resize), maps)


def visible_boxes(
    regions: Sequence[Region], size: tuple[int, int], preprocess: Preprocess
) -> np.ndarray:
    """Share of each pixel of the network's input that lies in a region, float32 [side, side].

    The regions are drawn at the image's full size (width, height), then resized and cropped as the
    image is. Where they overlap, a pixel counts once.
    """
    inside = np.zeros(size[::-1], np.float32)
    for region in regions:
        area = cover(region, inside.shape)
        if area is not None:
            inside[area.window] += area.inside
    return np.clip(preprocess.fit(np.minimum(inside, 1.0))[..., 0], 0.0, 1.0)


def patch_means(values: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Return the means of values [S, T] over a grid of equal patches, float64 [h, w]."""
    (height, width), (rows, columns) = values.shape, grid
    patches = values.reshape(rows, height // rows, columns, width // columns)
    return np.asarray(patches.mean(axis=(1, 3), dtype=np.float64))


def share_inside(maps: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Return each head's share of attention to patches inside the regions, float64 [heads].

    Attention counts as spread evenly within a patch, and an even map's share is the regions' share
    of the image. `maps` are [heads, h, w]; `covered` [h, w] is the share of each patch in a region.
    """
    weights = maps.astype(np.float64)
    return np.asarray((weights * covered).sum(axis=(1, 2)) / weights.sum(axis=(1, 2)))


def shares_in_others(maps: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Return each image's part of the mean share inside other images' boxes, float64 [N, heads].

    The mean over images is that over all pairs of different images. An image's value is the mean
    share of its attention in the others' boxes, plus that of the others' attention in its boxes,
    less the mean over pairs. So differences by image have the variance of the difference of means,
    to first order (Hájek's projection of a U-statistic; van der Vaart 1998, chapter 12).

    The maps [N, heads, h, w] are of `attention_maps`; `covered` [N, h, w] is the share of each
    patch that lies in an image's boxes. For a single image, the result is NaN.
    """
    count = len(maps)
    if count < 2:
        return np.full(maps.shape[:2], np.nan)
    weights = maps / maps.sum(axis=(2, 3), keepdims=True, dtype=np.float64)
    pairs = np.einsum("ikyx,jyx->kij", weights, covered)
    pairs[:, np.arange(count), np.arange(count)] = 0.0
    by_attention, by_boxes = pairs.sum(axis=2), pairs.sum(axis=1)
    whole = pairs.sum(axis=(1, 2)) / (count * (count - 1))
    return np.asarray(((by_attention + by_boxes) / (count - 1) - whole[:, None]).T)


def share_rows(
    variant: str, ids: Sequence[str], maps: np.ndarray, blank: np.ndarray, covered: np.ndarray
) -> pd.DataFrame:
    """Return the shares of one variant, columns `SHARE_COLUMNS`: a row an image and head.

    Maps [N, heads, h, w] are those by the model and, `blank`, by the network before its training;
    `covered` [N, h, w] is how much of each patch lies in an image's boxes.
    """
    heads = maps.shape[1]
    chance = np.repeat(covered.mean(axis=(1, 2))[:, None], heads, axis=1)

    def inside(of: np.ndarray) -> np.ndarray:
        return np.stack([share_inside(*each) for each in zip(of, covered, strict=True)])

    values = (inside(maps), chance, shares_in_others(maps, covered), inside(blank))
    keys = {
        "id": np.repeat(np.array(ids, dtype=object), heads),
        "variant": variant,
        "head": np.tile(np.arange(1, heads + 1), len(ids)),
    }
    columns = dict(zip(("share", *NULLS), (value.ravel() for value in values), strict=True))
    return pd.DataFrame(keys | columns)


def summarize_shares(
    tables: Mapping[str, pd.DataFrame], clusters: pd.Series, confidence: float
) -> pd.DataFrame:
    """Return each head's mean share over images, the null values, and the differences from them.

    The tables, by model, have `SHARE_COLUMNS`; the clusters, by image id, are those of
    `read_clusters`; the intervals are those of `clustered_mean`.

    Returns:
        One row for each model, variant and head, and one for the mean over heads (`ALL_HEADS`);
        columns `SUMMARY_COLUMNS`. `<null>` is the mean of a null value, `<null>_above` that of
        share less null value by image, with its interval. `n` is the number of images, `reason` why
        there is no interval.

    Raises:
        InputError: an image has no cluster.
    """
    rows: list[dict[str, object]] = []
    for model, table in tables.items():
        for variant, of_variant in table.groupby("variant", sort=False):
            wide = of_variant.pivot(index="id", columns="head", values=["share", *NULLS])
            groups = clusters_of(pd.Series(wide.index), clusters)
            values = {name: wide[name].to_numpy(float) for name in ("share", *NULLS)}
            heads = [(str(head), [place]) for place, head in enumerate(wide["share"].columns)]
            for head, places in [*heads, (ALL_HEADS, list(range(len(heads))))]:
                of_head = {name: each[:, places].mean(axis=1) for name, each in values.items()}
                mean = clustered_mean(of_head["share"], groups, confidence)
                row: dict[str, object] = {"model": model, "variant": variant, "head": head}
                row |= {"share": mean.value, "low": mean.low, "high": mean.high}
                for null in NULLS:
                    above = clustered_mean(of_head["share"] - of_head[null], groups, confidence)
                    row |= {null: of_head[null].mean(), f"{null}_above": above.value}
                    row |= {f"{null}_low": above.low, f"{null}_high": above.high}
                rows.append(row | {"n": mean.n, "clusters": mean.clusters, "reason": mean.reason})
    return pd.DataFrame(rows, columns=SUMMARY_COLUMNS)
