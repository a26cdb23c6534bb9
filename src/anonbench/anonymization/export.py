"""Anonymized images to pass on: numbered copies of finished image sets in a folder or a tar.

Every image is compared with its index's digest, and a set's images with the results of detection,
so that a damaged or incomplete set is refused.
"""

import io
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from anonbench.config import Config, Layout
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.io import (
    atomic,
    partial_path,
    plain_cell,
    require_folder_or_tar,
    require_new,
)
from anonbench.core.jobs.checksums import verify
from anonbench.core.progress import track
from anonbench.core.registries.method_names import is_given, is_redrawn
from anonbench.core.vocabulary import Split, Variant
from anonbench.core.wording import count
from anonbench.datasets.image_sets.neutral_names import Names
from anonbench.datasets.image_sets.shards import INDEX_COLUMNS, ImageSet

TABLE = "images.csv"
_TIME = 315532800  # 1980-01-01: time of every file and member
_PUBLIC = ("number", "split", "class")
_OWN = ("id", "split", "label")
_SUFFIXES = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg"}


@dataclass(frozen=True)
class Unhidden:
    """Counts of images that may show what should be hidden."""

    without_regions: int  # in which nothing was found
    failed: int  # on which a detector failed
    doubtful: int  # that a person should look at, as the report counts them

    @property
    def total(self) -> int:
        """Those that have to be accepted: all but the doubtful ones, which every run publishes."""
        return self.without_regions + self.failed

    def __str__(self) -> str:
        return (
            f"{count(self.without_regions, 'image')} without a region, "
            f"{count(self.failed, 'image')} on which a detector failed, "
            f"{count(self.doubtful, 'doubtful image')}"
        )


@dataclass(frozen=True)
class Exported:
    """What was written."""

    images: int  # of each variant
    megabytes: float
    unhidden: Unhidden
    splits: Sequence[str]  # Those that a run anonymizes: nothing else is exported.
    left_out: int
    """Images of these splits without a copy: nothing was found in them, or they are unreadable."""


def export_images(
    config: Config,
    name: str,
    variants: Sequence[Variant],
    to: Path,
    key: Path | None = None,
    accepted: int = 0,
    names: bool = False,
) -> Exported:
    """Write numbered copies of a data set's anonymized images.

    `<variant>/<number>.png` (or .jpg), and the table `images.csv`: number, split and, where the
    data set has labels, class. The same image sets give the same bytes. Splits that a run does not
    anonymize are not exported.

    With `names`, for the owner: `<variant>/<id>.png`, where the id is the original's path without
    suffix, in a folder of mode 0700; and id, split and label in the table.

    Args:
        config: of the run.
        name: the data set.
        variants: image sets that are finished; not the original.
        to: a new or empty folder, or a new file whose name ends in `.tar`.
        key: a new CSV (mode 0600) of number, id and label; None writes none.
        accepted: `Unhidden.total` of the sets, which the user has seen and accepts.
        names: leave images their ids and classes their labels.

    Raises:
        InputError: one of the above does not hold; a set is damaged, incomplete, or not of the
            images that the data set has now; images may show what should be hidden.
    """
    check_request(config, name, variants, to, key)
    base, label = config.results / name, config.datasets[name].label
    manifest, detected = base / "manifest.parquet", base / "detect"
    table = _table(manifest, ["id", "split", *([label] if label else [])])
    table.columns = ["id", "split", *(["label"] if label else [])]
    found = _read_all(detected, "*/*.images.parquet", ["id", "status", "reason", "doubts"])
    if set(found["id"]) != set(table["id"]):
        raise InputError(f"{detected} is of other images than {manifest}: run the workflow")
    has_train = bool((table["split"] == str(Split.TRAIN)).any())
    splits = Experiment(config).anonymized_splits(name, has_train)
    found = found[found["id"].isin(table.loc[table["split"].isin(splits), "id"])]
    sets = {each: _open(base / "images" / str(each), splits, found) for each in variants}
    exported = next(iter(sets.values())).ids
    inside = found[found["id"].isin(exported)]
    failed = inside["reason"].fillna("") != ""
    empty = (inside["status"] == "empty") & ~failed
    unhidden = Unhidden(*(int(each.sum()) for each in (empty, failed, inside["doubts"] != "")))
    if unhidden.total not in (0, accepted):
        raise InputError(
            f"{name}: {unhidden}. They may show what should be hidden. Look at them: they are in "
            f"{base / 'quality/least_certain.csv'} (the target detection_quality makes it). "
            "Correct the boxes, or leave the images out (keep_without_regions, keep_failed: "
            f"false). To export them nevertheless: --accept-unhidden {unhidden.total}"
        )
    table = table[table["id"].isin(exported)].sort_values("id", ignore_index=True)
    if names:
        table.insert(0, "number", table["id"])
    else:
        numbered = Names.of(manifest, label)
        table.insert(0, "number", numbered.images(table["id"], manifest))
        if label:
            table["class"] = numbered.classes(table["label"], manifest)
    with _unseen_by_others() if names else nullcontext():
        megabytes = _write(table, _OWN if names else _PUBLIC, sets, to, key)
    return Exported(len(table), megabytes, unhidden, splits, len(found) - len(table))


def check_request(
    config: Config, name: str, variants: Sequence[Variant], to: Path, key: Path | None
) -> None:
    """Check the arguments of `export_images`, without reading the results.

    Raises:
        InputError: what is requested is missing, must not be exported, or would overwrite a file.
    """
    if name not in config.enabled:
        raise InputError(f"no data set {name}: there are {', '.join(config.enabled)}")
    made = Experiment(config).variants(name)
    for variant in variants:
        why = ""
        if variant.method is None:
            why = (
                "originals are not exported; they are in the folder that `path` in the config names"
            )
        elif variant not in made:
            raise InputError(
                f"{variant} is not part of the config: {name} has {', '.join(map(str, made))}"
            )
        elif is_given(variant.method):
            why = (
                "pictures of another program are not audited and not exported; they are in the "
                f"folder of datasets.{name}.given"
            )
        elif is_redrawn(variant.method):
            why = (
                "redrawn pictures are not exported, because no audit can prove what a network "
                "drew; their shards are in the folder of results"
            )
        elif variant.degree < 100 and not config.presentation.show_originals:
            why = (
                f"{100 - variant.degree} % of each image's regions are visible; export it only "
                "where originals may be shown (presentation.show_originals: true)"
            )
        if why:
            raise InputError(f"{variant}: {why}")
    for place in (to, *([key] if key else [])):
        for data in config.enabled.values():
            if data.layout is not Layout.TABLE and _is_inside(place, data.path):
                raise InputError(f"{place} is in the folder of the originals: name another place")
    require_folder_or_tar(to)
    require_new(to)
    if key is not None:
        require_new(key)
        if _is_inside(key, to):
            raise InputError(f"--key {key} is inside the exported folder: name another place")


def _is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def _table(path: Path, columns: list[str]) -> pd.DataFrame:
    try:
        verify(path)
        return pd.read_parquet(path, columns=columns)
    except FileNotFoundError:
        raise InputError(f"{path} is not there: run the workflow first") from None
    except (OSError, ValueError, LookupError) as error:
        raise InputError(
            f"{path} is damaged ({type(error).__name__}): delete it and run the workflow"
        ) from None


def _read_all(folder: Path, pattern: str, columns: list[str]) -> pd.DataFrame:
    """Return the tables of a folder as one, each with its path in the column `file`."""
    files = sorted(folder.glob(pattern))
    if not files:
        raise InputError(f"{folder} has no results: run the workflow first")
    whole = pd.concat([_table(file, columns).assign(file=str(file)) for file in files])
    if whole["id"].duplicated().any():
        raise InputError(
            f"{folder}: the same image is in two shards, perhaps of an earlier shard_size: remove "
            "the folder and run the workflow"
        )
    return whole.sort_values("id", ignore_index=True)


def _open(folder: Path, splits: Sequence[str], found: pd.DataFrame) -> ImageSet:
    """Open a set, which has to have all images with regions in some splits, no unreadable one."""
    # train images that an earlier config had anonymized may be there still
    pattern = "*/*.parquet" if len(splits) > 1 else f"{splits[0]}/*.parquet"
    index = _read_all(folder, pattern, INDEX_COLUMNS)
    tars = [Path(file).with_suffix(".tar") for file in index["file"].unique()]
    for tar in tars:
        if not tar.is_file():
            raise InputError(f"{tar} is not there: run the workflow")
        verify(tar)
    images = ImageSet.of(tars, folder)
    surely = set(found.loc[found["status"].isin(["ok", "partial"]), "id"])
    perhaps = surely | set(found.loc[found["status"] == "empty", "id"])
    if not surely <= set(images.ids) <= perhaps:
        raise InputError(
            f"{folder} does not have the images of detection: it is incomplete, or of "
            "other data; run the workflow"
        )
    return images


def _write(
    table: pd.DataFrame,
    columns: Sequence[str],
    sets: Mapping[Variant, ImageSet],
    to: Path,
    key: Path | None,
) -> float:
    """Write everything and return the megabytes of images; on failure, nothing is left."""
    size, shown = 0, table[[column for column in columns if column in table]]
    with ExitStack() as undo:
        with _sink(to) as add:
            add(TABLE, shown.map(plain_cell).to_csv(index=False, lineterminator="\n").encode())
            for variant, images in sets.items():
                own = table[table["id"].isin(images.ids)]
                numbered = zip(own["id"], own["number"], strict=True)
                for image_id, number in track(numbered, len(own), str(variant)):
                    data = images.read_bytes(image_id)
                    suffix = next(
                        (s for start, s in _SUFFIXES.items() if data.startswith(start)), ""
                    )
                    if not suffix:
                        raise InputError(
                            f"{images.folder}: contains an image that is neither PNG nor JPEG: "
                            "delete the folder and run the workflow"
                        )
                    add(f"{variant}/{number}{suffix}", data)
                    size += len(data)
            if key is not None:
                key.parent.mkdir(parents=True, exist_ok=True)
                key.touch(0o600, exist_ok=False)
                undo.callback(key.unlink)
                table.to_csv(key, index=False, lineterminator="\n")
        undo.pop_all()
    return size / 1e6


@contextmanager
def _unseen_by_others() -> Iterator[None]:
    """Make files and folders of the block its user's only, from the first moment."""
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _sink(to: Path) -> Iterator[Callable[[str, bytes], None]]:
    """Yield a function that writes a file by its relative name.

    `to` appears if the block ends without error, or not at all.
    """
    if to.suffix == ".tar":
        with atomic(to) as part, tarfile.open(part, "w", format=tarfile.PAX_FORMAT) as tar:

            def add_member(name: str, data: bytes) -> None:
                member = tarfile.TarInfo(f"{to.stem}/{name}")
                member.size, member.mtime, member.mode = len(data), _TIME, 0o644
                tar.addfile(member, io.BytesIO(data))
                tar.getmembers().clear()  # tarfile would keep a kilobyte of each otherwise

            yield add_member
        return
    to.parent.mkdir(parents=True, exist_ok=True)
    temporary = partial_path(to)

    def add_file(name: str, data: bytes) -> None:
        path = temporary / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:  # names may collide without case
            file.write(data)
        os.utime(path, (_TIME, _TIME))

    try:
        temporary.mkdir()
        yield add_file
        temporary.replace(to)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
