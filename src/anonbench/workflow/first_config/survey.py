"""Survey of an image folder: layout, formats, sizes, split, classes, and unused files.

A sample of its images is searched by detectors and embedded by a system, with timings.
"""

import resource
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from anonbench.config import AUTO, DataSource, Layout, OwnSplit
from anonbench.config.detectors import LOOKED_FOR, default_detection
from anonbench.config.file import require_plain
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.numeric.seeding import hash_ints
from anonbench.core.progress import track
from anonbench.core.registries.detectors import DETECTORS, Detector
from anonbench.core.registries.systems import SystemKind
from anonbench.core.wording import count
from anonbench.datasets.clusters import assign
from anonbench.datasets.headers import read_first_page
from anonbench.datasets.images import encode
from anonbench.datasets.listing import find_unused, read_layout
from anonbench.datasets.walk import is_quiet, no_images

SAMPLED = 32  # images in the sample
_NAME = "archive"


@dataclass(frozen=True)
class Survey:
    """Statistics of a folder. File names are kept only for the sample, and never shown."""

    folder: Path
    layout: Layout
    wild: bool  # whether CelebA's images are the uncropped ones (in the wild)
    images: int
    megabytes: float
    formats: Mapping[str, int]  # files of images by suffix, most frequent first
    left: Mapping[str, int]  # image-like files that are not used, by reason
    no_images: Mapping[str, int]  # files that are no images by their names, by suffix
    split: tuple[int, int] | None  # train and validation images of an official split
    labels: tuple[str, ...]  # most useful first
    classes: tuple[int, ...]  # images of each class folder, largest first
    sample: tuple[Path, ...]
    persons: int = 0  # in a publisher's list, counted as in the report

    @property
    def content(self) -> str:
        """Number of images, with their formats."""
        formats = ", ".join(f"{number:,} {suffix}" for suffix, number in self.formats.items())
        pages = sum(self.formats.values()) < self.images
        return f"{count(self.images, 'image')} ({formats}{'; each page is one' if pages else ''})"

    def source(self) -> dict[str, Any]:
        """Settings of a data set that say where its images are."""
        found: dict[str, Any] = {"layout": str(self.layout), "path": str(self.folder)}
        return found | ({"images": "wild"} if self.wild else {})


def survey(folder: Path) -> Survey:
    """Count the files of a folder without opening any image.

    Raises:
        InputError: the folder does not exist, its name cannot stand in a config, or it has no
            usable image.
    """
    _require_nameable(folder)
    layout, wild = _layout(folder)
    kind = "wild" if wild else "aligned"
    split = "official" if layout is Layout.RVL_CDIP else OwnSplit()
    dataset = DataSource(layout=layout, path=folder, images=kind, split=split)
    try:
        source = read_layout(_NAME, dataset, {"class", "identity"})
    except InputError as error:
        raise InputError(str(error).removeprefix(f"datasets.{_NAME}.path: ")) from None
    paths = [folder / path for path in source.images["path"]]
    sizes = np.array([_size(path) for path in paths], dtype=np.int64)
    table = source.images.assign(file=paths, bytes=sizes)[sizes >= 0]
    unused = find_unused(source, folder, named=False)
    rows = [*zip(unused["path"], unused["reason"], strict=True)]
    left = Counter(reason for path, reason in rows if not is_quiet(path, reason))
    if missing := int((sizes < 0).sum()):
        left["named by a list file and not there"] += missing
    if table.empty:
        reasons = "; ".join(f"{n:,}: {why}" for why, n in left.most_common(3))
        raise InputError(
            f"{folder}: no image in it can be used{f' ({reasons})' if reasons else ''}"
        )
    order = np.argsort(hash_ints((0, "first config"), table["id"]), kind="stable")[:SAMPLED]
    classes = table["class"].value_counts().tolist() if "class" in table else []
    classes = classes if len(classes) > 1 else []  # one folder around all images tells nothing
    train, val = (int((table["split"] == part).sum()) for part in ("train", "val"))
    is_split = bool(train and val) and not table["split"].isna().any()
    return Survey(
        folder=folder,
        layout=layout,
        wild=wild,
        images=len(table),
        megabytes=float(table.drop_duplicates("file")["bytes"].sum()) / 1e6,  # documents have pages
        formats=dict(Counter(path.suffix.lower() for path in table["file"].unique()).most_common()),
        left=dict(left.most_common()),
        no_images=no_images(rows),
        split=(train, val) if is_split else None,
        labels=tuple(name for name in source.labels if name != "class" or classes),
        classes=tuple(classes),
        sample=tuple(table["file"].iloc[order]),
        persons=assign(_NAME, table, AUTO)["cluster"].nunique() if "identity" in table else 0,
    )


def _require_nameable(folder: Path) -> None:
    try:
        require_plain({"path": str(folder)})
        DataSource(layout=Layout.FOLDER, path=folder, split=OwnSplit())
    except (InputError, ValidationError):
        raise InputError(
            f"{str(folder)!a}: the folder's name has a character that no config can hold, or "
            "is too long; rename the folder"
        ) from None


def _layout(folder: Path) -> tuple[Layout, bool]:
    """Layout of a folder, recognized by the publishers' list files and folders."""
    listed = any(folder.glob("list_*_celeba.*")) or any(folder.glob("identity_CelebA.*"))
    if listed and any((folder / name).is_dir() for name in ("img_align_celeba", "img_celeba")):
        return Layout.CELEBA, not (folder / "img_align_celeba").is_dir()
    lists = ("labels/train.txt", "labels/val.txt")
    if (folder / "images").is_dir() and all((folder / name).is_file() for name in lists):
        return Layout.RVL_CDIP, False
    return Layout.FOLDER, False


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


FEWEST_LOOKED_AT, ENOUGH = 12, 40.0
"""Images that are always searched; core seconds after which the sample ends."""
_EMBEDDED = 16  # most images that are embedded: a batch of the built-in kinds, by one thread
_MOST_BYTES = 3e8  # of such images, after which no more are kept in memory


@dataclass
class Found:
    """Findings of one detector in the sample."""

    entity: str
    images: int = 0  # with at least one region
    times: list[float] = field(default_factory=list)
    missing: str = ""  # why the detector could not be tried

    @property
    def seconds(self) -> float:
        """Median core seconds per image."""
        return float(np.median(self.times)) if self.times else 0.0


@dataclass
class Sample:
    """Results of searching a sample."""

    read: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)  # by reason
    megapixels: list[float] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=dict)
    png_bytes: list[int] = field(default_factory=list)
    encode_seconds: float = 0.0  # core seconds to embed one image
    dimension: int = 0

    @property
    def finding(self) -> list[str]:
        """Detectors that found something; text in photographs of faces counts only if frequent.

        Rare text on clothes or walls would dominate the share of unknown results.
        """
        are_faces = self.is_often("centerface") and not self.is_often("ppocr")
        rare = ("ppocr", "ink") if are_faces else ()
        return [name for name, each in self.found.items() if each.images and name not in rare]

    def is_often(self, name: str) -> bool:
        """Whether a detector found something in at least half of the images."""
        return name in self.found and 0 < self.read <= 2 * self.found[name].images


def look(files: Sequence[Path], settings: SystemKind | None) -> Sample:
    """Search and embed images one by one; keep only counts and times, no content or text.

    Args:
        files: image files.
        settings: settings of the system; None: no image is embedded.

    Raises:
        InputError: the system cannot be started, or its answer is invalid.
    """
    sample = Sample()
    kept = search_all(files, _detectors(sample), sample)
    if settings is None or not kept:
        return sample
    from anonbench.embedding.systems.opening import open_system

    with open_system(settings) as system:
        system.encode(kept)  # the first call is slower
        vectors, seconds = _timed(system.encode, kept)
    sample.encode_seconds, sample.dimension = seconds / len(kept), vectors.shape[1]
    return sample


def _detectors(sample: Sample) -> dict[str, Detector]:
    from anonbench.detection.base import CachedDetector
    from anonbench.detection.search import build

    detectors: dict[str, Detector] = {}
    for name in LOOKED_FOR:
        sample.found[name] = Found(DETECTORS[name].entities[0])
        try:
            # lines of text are detected once for both, as in the pipeline
            built = build(name, default_detection(), lines=detectors.get("ppocr"))
        except InputError as error:
            sample.found[name].missing = str(error)
        else:
            detectors[name] = CachedDetector(built) if name == "ppocr" else built
    return detectors


def search_all(
    files: Sequence[Path], detectors: Mapping[str, Detector], sample: Sample
) -> list[np.ndarray]:
    """Search all images; return up to `_EMBEDDED` of them for the system, uint8 [H, W, 3]."""
    from anonbench.detection.search import DetectorFailed, found_by

    kept: list[np.ndarray] = []
    began = time.process_time()
    for number, file in enumerate(track(files, len(files), "images looked at")):
        if number >= FEWEST_LOOKED_AT and time.process_time() - began > ENOUGH:
            break
        try:
            image = read_first_page(file)
        except UnreadableImage as error:
            sample.unreadable[str(error)] += 1
            continue
        sample.read += 1
        sample.megapixels.append(image.shape[0] * image.shape[1] / 1e6)
        sample.png_bytes.append(len(encode(image)))
        for name, detector in detectors.items():
            with suppress(DetectorFailed):
                regions, seconds = _timed(found_by, name, detector, image)
                found = sample.found[name]
                found.times.append(seconds)
                found.images += bool(regions)
        if len(kept) < _EMBEDDED and sum(each.nbytes for each in kept) < _MOST_BYTES:
            kept.append(image if image.ndim == 3 else np.stack([image] * 3, axis=-1))
    return kept


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    began = _core_seconds()
    result = function(*arguments)
    return result, _core_seconds() - began


def _core_seconds() -> float:
    """Time of all threads and of programs that were run; other programs do not affect it."""
    run = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + run.ru_utime + run.ru_stime
