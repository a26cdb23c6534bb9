"""Image sets of other programs' pictures, compared with their originals by region.

It is measured what the program changed, in grey levels of the luma and as means over `_WINDOW`
pixels a side. A pixel is *changed* where picture and original differ by more than the picture's own
coding noise, and by at least half of the original's detail there, which is its difference from its
surroundings. Pixels without detail look alike before and after a blur: of a region, only those
count whose detail is twice that noise. A region without any detail is judged by all its pixels.
"""

import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image, JpegImagePlugin

from anonbench.anonymization.audit.regions import Region, area_of, read_regions
from anonbench.config import Anonymization
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.io import write_parquet
from anonbench.core.jobs.job import warn_on_terminal
from anonbench.core.libraries.opencv import cv2
from anonbench.core.memory import memory_for
from anonbench.core.numeric.clusters import clustered_rate
from anonbench.core.progress import track
from anonbench.core.vocabulary import Entity
from anonbench.core.wording import count
from anonbench.datasets.clusters import clusters_of
from anonbench.datasets.formats.pages import page_of
from anonbench.datasets.given import MISSING, OTHER_SIZE, belonging, broken, pictures_in
from anonbench.datasets.image_sets.shards import ShardWriter, used_rows
from anonbench.datasets.images import encode, max_bytes, read_file, read_image, read_original

GIVEN_COLUMNS = (
    *("program", "entity", "what", "value", "low", "high", "n", "clusters", "count", "reason"),
)
"""Of an entity's regions: the shares that are `hidden`, `partly` hidden and `visible`, and the mean
share of a region that is `changed`. Of pictures (no entity): the share of those that are the
`original`, and the mean share of the area `outside` all regions that is changed. `n` regions or
pictures of `clusters`, of which `count` are so. Rows `missing`, `other_size` and `broken` count the
images that were left out."""
OUTSIDE, CHANGED = "outside", "changed"
LEFT_OUT = ("missing", "other_size", "broken")

_LOG = logging.getLogger(__name__)
_NUMBERS = {name: [""] for name in ("value", "low", "high", "count")}
_TYPES = dict.fromkeys(("program", "entity", "what", "reason"), str)


def summarize_given(
    compared: Mapping[str, pd.DataFrame],
    skipped: pd.DataFrame,
    clusters: pd.Series,
    confidence: float,
) -> pd.DataFrame:
    """Return shares of regions and pictures, columns `GIVEN_COLUMNS`.

    `compared` has `COLUMNS`, by program; `skipped` the `reason` of files that the manifest left
    out; `clusters` those of the images, by id (`anonbench.datasets.clusters.read_clusters`).
    """
    rows: list[tuple[object, ...]] = []
    nan = float("nan")
    reasons = skipped["reason"]
    for program, table in compared.items():
        labels = clusters_of(table["id"], clusters)
        for entity, what, hits in _shares(table):
            kept = hits.dropna()
            rate = clustered_rate(kept.to_numpy(np.float64), labels[kept.index], confidence)
            number = nan if what in (CHANGED, OUTSIDE) else kept.sum()
            cells = (rate.value, rate.low, rate.high, rate.n, rate.clusters, number, rate.reason)
            rows.append((program, entity, what, *cells))
        exact = (reasons == text.format(program) for text in (MISSING, OTHER_SIZE))
        left_out = (*exact, reasons.str.startswith(broken(program, "")))
        for what, those in zip(LEFT_OUT, left_out, strict=True):
            rows.append((program, "", what, nan, nan, nan, 0, 0, float(those.sum()), ""))
    return pd.DataFrame(rows, columns=list(GIVEN_COLUMNS))


def read_given(path: Path) -> pd.DataFrame:
    """Read a summary as it was written."""
    return pd.read_csv(path, dtype=_TYPES, keep_default_na=False, na_values=_NUMBERS)


def warn_of_visible(dataset: str, summary: pd.DataFrame) -> None:
    """Say on the terminal what a program left as it was, and which images are left out."""
    for text in findings(summary):
        warn_on_terminal(_LOG, f"{dataset}: {text}")


def findings(summary: pd.DataFrame) -> Iterator[str]:
    """Say of each program in a summary what it left as it was, and how many images are left out."""
    for of in left_visible(summary):
        parts = []
        if of["visible"] + of["partly"]:
            parts.append(
                f"{of['visible']:,} of {count(of['regions'], 'region')} that detection found are "
                f"visible and {of['partly']:,} partly hidden"
            )
        if of["unchanged"]:
            parts.append(f"{count(of['unchanged'], 'picture')} unchanged")
        if of["left_out"]:
            parts.append(f"{count(of['left_out'], 'image')} left out of all image sets")
        yield f"pictures of {of['program']}: {'; '.join(parts)}"


def left_visible(summary: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Counts of each program in a summary that left something visible or images out."""
    for program, table in summary.groupby("program", sort=False):
        of = {what: int(rows["count"].sum()) for what, rows in table.groupby("what")}
        counts = {
            "visible": of.get(State.VISIBLE.value, 0),
            "partly": of.get(State.PARTLY.value, 0),
            "unchanged": of[ORIGINAL],
            "left_out": sum(of[what] for what in LEFT_OUT),
        }
        if any(counts.values()):
            regions = int(table.loc[table["what"] == State.VISIBLE.value, "n"].sum())
            yield {"program": str(program), "regions": regions} | counts


def _shares(table: pd.DataFrame) -> Iterator[tuple[str, str, pd.Series]]:
    """Give entity, what is counted, and its value for each region or picture."""
    for entity in Entity:
        rows = table[table["entity"] == entity.value]
        if not rows.empty:
            for state in State:
                yield entity.value, state.value, (rows["state"] == state.value).astype(np.float64)
            yield entity.value, CHANGED, rows["changed"]
    pictures = table[table["entity"] == ""]
    yield "", ORIGINAL, (pictures["state"] == ORIGINAL).astype(np.float64)
    yield "", OUTSIDE, pictures["changed"]


_WINDOW = 5
_LEAST_NOISE = 2.0  # grey levels: differences up to this are never called a change
_MOST_NOISE = 8.0
"""Grey levels: larger ones are no coding noise; a picture that differs everywhere is changed."""
_SPREAD = 3.0  # the noise is so many times the median difference of a picture
HIDDEN_FROM, VISIBLE_TO = 0.9, 0.1
"""Shares of a region that are changed: from the first on it is hidden, up to the second visible."""
ORIGINAL = "original"  # the state of a picture that is its original


class State(StrEnum):
    """What the program did to a region."""

    HIDDEN = "hidden"  # at least nine tenths of it are changed
    PARTLY = "partly"
    VISIBLE = "visible"  # at most one tenth of it is changed


_AS_FOUND = Anonymization(coding_blocks=False)
"""Regions cover no more than detectors found."""


class Compared(NamedTuple):
    """A region that detection found, or the picture as a whole."""

    entity: str  # empty for the picture
    rank: int  # place in the image's draw order
    changed: float
    """Share of it that is changed; of the picture, that of the area outside all regions, NaN where
    there is none."""
    state: str  # `State`; of the picture `ORIGINAL` where nothing is changed, nowhere


COLUMNS = {"id": "str", "entity": "str", "order": "int32", "changed": "float64", "state": "str"}
"""Of the table of a shard: a row each for the pictures and the regions in them, see `Compared`."""


def compare(
    original: np.ndarray, picture: np.ndarray, data: bytes, regions: Sequence[Region]
) -> list[Compared]:
    """Compare a picture with its original: the whole first, then its regions in draw order.

    Both are uint8 [H, W] or [H, W, 3]. Regions outside the image have no pixel and are left out.
    `data` is the picture's file: of a JPEG, its quantization tables say what coding alone changes.
    """
    before, after = _luma(original), _luma(picture)
    differs = _local(np.abs(_reencoded(original, data) - after))
    noise = float(np.clip(_SPREAD * np.median(differs), _LEAST_NOISE, _MOST_NOISE))
    detail = _local(np.abs(before - _local(before)))
    changed = (differs > noise) & (differs > detail / 2)
    telling = detail > 2 * noise
    free = np.ones(changed.shape, bool)
    found = []
    for region in sorted(regions, key=lambda each: each.rank):
        area = area_of(region, original.shape, _AS_FOUND)
        if area is None:
            continue
        inside = area.cover > 0
        free[area.window] &= ~inside
        shows = inside & telling[area.window]
        share = float(changed[area.window][shows if shows.any() else inside].mean())
        state = State.VISIBLE if share <= VISIBLE_TO else State.PARTLY
        state = State.HIDDEN if share >= HIDDEN_FROM else state
        found.append(Compared(region.entity, region.rank, share, state.value))
    outside = float(changed[free].mean()) if free.any() else float("nan")
    return [Compared("", 0, outside, "" if changed.any() else ORIGINAL), *found]


def _luma(image: np.ndarray) -> np.ndarray:
    """Return float32 [H, W]."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return np.asarray(grey, np.float32)


def _local(values: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.blur(values, (_WINDOW, _WINDOW), borderType=cv2.BORDER_REFLECT))


def _reencoded(original: np.ndarray, data: bytes) -> np.ndarray:
    """Return the luma of the original as a JPEG file of these tables shows it."""
    with Image.open(io.BytesIO(data)) as image:
        if not isinstance(image, JpegImagePlugin.JpegImageFile) or image.mode not in ("L", "RGB"):
            return _luma(original)
        how = {"qtables": image.quantization, "subsampling": JpegImagePlugin.get_sampling(image)}
        coded = io.BytesIO()
        Image.fromarray(original).convert(image.mode).save(coded, "JPEG", **how)
    with Image.open(coded) as image:
        return _luma(np.asarray(image))


def given_shard(
    manifest: pd.DataFrame,
    root: Path,
    boxes: pd.DataFrame,
    images: pd.DataFrame,
    program: str,
    folder: Path,
    settings: Anonymization,
    keep_without_regions: bool,
    max_pixels: int,
    output: Path,
    compared: Path,
) -> None:
    """Write a program's pictures of a shard's images, in id order, and what they changed.

    They are coded as all image sets are. Nothing is hidden, and nothing is audited. `folder` is
    that of the program's pictures, `compared` a Parquet file with `COLUMNS`; pictures of more than
    `max_pixels` are refused. The others are those of `anonymize_shard`.

    Raises:
        ChangedImage: an original is another one than the manifest describes, or gone.
        InputError: a picture is gone, or of another size, since the manifest was made.
    """
    own = belonging(manifest, pictures_in(folder), program)
    rows = used_rows(manifest.assign(picture=own), images, keep_without_regions)
    columns = (rows[name] for name in ("id", "path", "bytes", "digest", "picture"))
    regions = read_regions(boxes)
    extension = "png" if settings.format == "png" else "jpg"
    found: list[tuple[object, ...]] = []
    with ShardWriter.open(output) as shard:

        def add(image_id: str, original: np.ndarray, own_path: str | None) -> None:
            try:
                if own_path is None:
                    raise UnreadableImage("is gone")
                data = read_file(folder / own_path, max_bytes(max_pixels))
                picture = read_image(data, max_pixels)
                if picture.shape[:2] != original.shape[:2]:
                    raise UnreadableImage("has another size")
            except UnreadableImage as error:
                raise InputError(
                    f"image {image_id!r}: the picture of {program} {error}: it changed since the "
                    "run began; run again"
                ) from None
            with memory_for(original.shape[0] * original.shape[1]):
                states = compare(original, picture, data, regions.get(image_id, []))
                found.extend((image_id, *each) for each in states)
                pixels = _like(picture, original)
                coded = encode(pixels, settings.format)
                shard.add(image_id, coded, extension, *pixels.shape[1::-1])

        files = zip(*columns, strict=True)
        for image_id, path, size, digest, own_path in track(files, len(rows), program):
            data = read_original(image_id, root / path, size, digest)
            # nothing of an image is left in memory when the next one is read
            add(image_id, read_image(data, None, page_of(digest)), own_path)
    write_parquet(pd.DataFrame(found, columns=list(COLUMNS)).astype(dict(COLUMNS)), compared)
    _LOG.info("%d of %d pictures of %s", len(rows), len(images), program)


def _like(picture: np.ndarray, original: np.ndarray) -> np.ndarray:
    """Return a picture with its original's channels; colours that a program adds are kept."""
    if picture.ndim == original.ndim:
        return picture
    if picture.ndim == 2:
        return np.repeat(picture[..., None], 3, axis=2)
    is_grey = (picture == picture[..., :1]).all()
    return np.ascontiguousarray(picture[..., 0]) if is_grey else picture
