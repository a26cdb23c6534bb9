"""Image sets: uncompressed tar shards (the WebDataset convention), each with an index.

Members are in id order, with times and owners zeroed, so that the same images give the same bytes.
The index has offset and size of every image, so that it can be read without the others, and its
digest, which every read compares. A shard of originals is only an index: the files stay where they
are.
"""

import hashlib
import logging
import os
import re
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Self
from urllib.parse import quote

import numpy as np
import pandas as pd

from anonbench.core.errors import InputError
from anonbench.core.io import atomic, write_parquet
from anonbench.core.jobs.checksums import refusal
from anonbench.datasets.formats.pages import file_digest_of, page_of
from anonbench.datasets.images import decode, read_image, read_original

_NUMBERS = dict.fromkeys(("offset", "size", "width", "height"), "int64")
_INDEX_TYPES = {"id": "str"} | _NUMBERS | {"digest": "str"}
INDEX_COLUMNS = list(_INDEX_TYPES)
ORIGINAL_COLUMNS = ["id", "path", *INDEX_COLUMNS[2:]]
"""Of an index of originals: `path` is relative to the data set's root, `size` (bytes) and `digest`
(SHA-256) are the file's."""

_LONGEST = 200  # letters in a name; file systems allow 255 bytes with the suffix
_UNWANTED = re.compile(r" |(con|prn|aux|nul|com\d|lpt\d)$", re.IGNORECASE)  # for Windows


def index_path(tar: Path) -> Path:
    """Path of a shard's index."""
    return tar.with_suffix(".parquet")


def member_name(image_id: str, extension: str) -> str:
    """Return an image's name in a shard: a relative path that stays below where it is unpacked.

    No two ids share a name. Dots are escaped, because WebDataset cuts a name at its first dot.
    """
    return "/".join(map(_part_name, image_id.split("/"))) + "." + extension


def _part_name(part: str) -> str:
    """Return a file or folder name, of at most `_LONGEST` letters, for a part of an id."""
    if not part:
        return "%"  # nothing else is escaped to this
    name = quote(part, safe=" -_", errors="surrogatepass").replace(".", "%2E").replace("~", "%7E")
    if _UNWANTED.match(name):
        name = f"%{ord(name[0]):02X}{name[1:]}"
    if name.endswith(" "):
        name = name[:-1] + "%20"
    if len(name) > _LONGEST:
        digest = hashlib.sha256(part.encode("utf-8", "surrogatepass")).hexdigest()
        name = f"{name[: _LONGEST - 33]}~{digest[:32]}"
    return name


class ShardWriter:
    """Writes the images of one shard, and notes where they are."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rows: list[tuple[str, int, int, int, int, str]] = []

    @classmethod
    @contextmanager
    def open(cls, tar: Path) -> Iterator[Self]:
        """Yield the writer of a shard: tar and index appear if the block ends well, or neither."""
        with atomic(tar) as temporary:
            with temporary.open("w+b") as file:
                shard = cls(file)
                yield shard
                end = 2 * tarfile.BLOCKSIZE  # of zeros, padded to a full record
                file.write(bytes(end + -(file.tell() + end) % tarfile.RECORDSIZE))
            # the types are stated for shards without images, which small data sets have
            index = pd.DataFrame(shard._rows, columns=INDEX_COLUMNS).astype(_INDEX_TYPES)
            write_parquet(index, index_path(tar))

    def add(self, image_id: str, data: bytes, extension: str, width: int, height: int) -> None:
        """Append one coded image; ids must come in ascending order."""
        if self._rows and image_id <= self._rows[-1][0]:
            raise ValueError(f"{image_id!r} does not come after {self._rows[-1][0]!r}")
        member = tarfile.TarInfo(member_name(image_id, extension))
        member.size = len(data)
        member.mode = 0o644
        self._file.write(member.tobuf(tarfile.PAX_FORMAT))
        offset = self._file.tell()
        self._file.write(data + bytes(-len(data) % tarfile.BLOCKSIZE))
        digest = hashlib.sha256(data).hexdigest()
        self._rows.append((image_id, offset, len(data), width, height, digest))

    def read_back(self, image_id: str) -> bytes:
        """Return the image that was added last, from the file that it was written to."""
        last, offset, size, *_ = self._rows[-1]
        if last != image_id:
            raise ValueError(f"{image_id!r} was not added last")
        self._file.flush()
        return os.pread(self._file.fileno(), size, offset)


class ImageSet:
    """Random access to the images of several shards, by id. Safe to pickle and to fork."""

    def __init__(self, tars: Sequence[Path | None], index: pd.DataFrame, folder: Path) -> None:
        """Take an index with the column `shard`, and the tars (None: files stay in place)."""
        self._tars, self._index, self._folder = list(tars), index, folder
        self._are_originals = "path" in index
        self.ids: list[str] = index["id"].astype(str).tolist()  # sorted
        self._rows = {image_id: row for row, image_id in enumerate(self.ids)}
        self._where = index[["shard", "offset", "size"]].to_numpy(np.int64)
        self._sizes = index[["width", "height"]].to_numpy(np.int64)

    @classmethod
    def open(cls, files: Sequence[Path], root: Path | None = None) -> Self:
        """Open shards by tars and indexes; originals (below `root`) have indexes only.

        InputError without a shard or a part of one, or if an id occurs twice.
        """
        tars = {index_path(path): path for path in files if path.suffix == ".tar"}
        indexes = sorted({*tars, *(path for path in files if path.suffix == ".parquet")})
        if not indexes:
            raise InputError("an image set needs at least one shard")
        parts = []
        for number, path in enumerate(indexes):
            if not path.is_file():
                raise InputError(
                    f"{path.stem}.tar: its index {path} is missing; make the shard again"
                )
            index = pd.read_parquet(path)
            if path not in tars and "path" not in index:
                raise InputError(f"{path}: an index without its tar; make the shard again")
            parts.append(index.assign(shard=number))
        whole = pd.concat(parts, ignore_index=True).sort_values("id", ignore_index=True)
        if "offset" not in whole:
            whole["offset"] = 0
        twice = whole["id"][whole["id"].duplicated()]
        if len(twice):
            raise InputError(f"{indexes[0].parent}: image {twice.iloc[0]!r} occurs in two shards")
        folder = root if "path" in whole else indexes[0].parent
        if folder is None:
            raise ValueError(f"{indexes[0].parent}: originals are read below their data set's root")
        return cls([tars.get(path) for path in indexes], whole, folder)

    @classmethod
    def of(cls, files: Iterable[Path], root: Path) -> Self:
        """Open shards as `open`; without files, a set without images."""
        if found := list(files):
            return cls.open(found, root)
        return cls([], pd.DataFrame(columns=[*INDEX_COLUMNS, "shard"]), root)

    @property
    def digests(self) -> list[str]:
        """SHA-256 of each image as it is coded, in the order of the ids."""
        return [str(digest) for digest in self._index["digest"]]

    @property
    def folder(self) -> Path:
        """What the paths of originals are relative to; of an anonymized set, where it is."""
        return self._folder

    def path(self, image_id: str) -> str | None:
        """Return the path of an original below its data set's root; None of other images."""
        row = self._rows[image_id]
        return str(self._index["path"].iat[row]) if self._are_originals else None

    @property
    def sizes(self) -> dict[str, tuple[int, int]]:
        """Width and height of each image, in pixels."""
        pairs = self._sizes.tolist()
        return {image_id: (w, h) for image_id, (w, h) in zip(self.ids, pairs, strict=True)}

    def size(self, image_id: str) -> tuple[int, int]:
        """Return width and height of one image, in pixels."""
        width, height = self._sizes[self._rows[image_id]].tolist()
        return width, height

    @property
    def digest(self) -> str:
        """A digest of all ids and images."""
        text = "\n".join(self._index["id"] + " " + self._index["digest"])
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    def __len__(self) -> int:
        return len(self._index)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._rows

    def read_bytes(self, image_id: str) -> bytes:
        """Return one image as it is coded, as its index describes it.

        ChangedImage: an original is another one by now, or gone. InputError: there is no such
        image, or its shard is damaged.
        """
        if image_id not in self._rows:
            raise InputError(f"image {image_id!r} is not in the image set of {self._folder}")
        row = self._rows[image_id]
        number, offset, size = self._where[row].tolist()
        digest = str(self._index["digest"].iat[row])
        tar: Path | None = self._tars[number]
        if tar is None:
            path = self._folder / str(self._index["path"].iat[row])
            return read_original(image_id, path, size, digest)
        with tar.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
        if hashlib.sha256(data).hexdigest() != file_digest_of(digest):
            raise refusal(tar, f"image {image_id!r} is not as its index says")
        return data

    def read(self, image_id: str) -> np.ndarray:
        """Return one image, uint8 [H, W] or [H, W, 3] RGB; raises as `read_bytes`."""
        data = self.read_bytes(image_id)
        if not self._are_originals:
            return decode(data)
        page = page_of(str(self._index["digest"].iat[self._rows[image_id]]))
        return read_image(data, None, page)  # the manifest has checked how many pixels it has


def open_sets(
    names: Sequence[str], files: Sequence[Path], root: Path | None = None
) -> dict[str, ImageSet]:
    """Open image sets by name, from shards and indexes, each in a folder of its own.

    InputError as `ImageSet.open`, and for another number of sets.
    """
    sets: dict[Path, list[Path]] = {}
    for file in files:
        sets.setdefault(file.parent, []).append(file)
    if len(sets) != len(names):
        raise InputError(
            f"{len(files)} files in {len(sets)} folders are no {len(names)} image sets"
        )
    opened = (ImageSet.open(part, root) for part in sets.values())
    return dict(zip(names, opened, strict=True))


def used_statuses(keep_without_regions: bool) -> set[str]:
    """Outcomes of detection whose images every variant has."""
    return {"ok", "partial"} | ({"empty"} if keep_without_regions else set())


def used_rows(manifest: pd.DataFrame, images: pd.DataFrame, keep: bool) -> pd.DataFrame:
    """Rows of a manifest that every variant of a shard has, sorted by id.

    Left out are images that detection (columns `id`, `status`) could not read and, unless `keep`,
    those in which nothing was found.
    """
    used = set(images["id"][images["status"].isin(used_statuses(keep))])
    return manifest[manifest["id"].isin(used)].sort_values("id")


def write_index(manifest: pd.DataFrame, images: pd.DataFrame, keep: bool, output: Path) -> None:
    """Write the index of a shard's `used_rows` (Parquet, `ORIGINAL_COLUMNS`); no image is read."""
    rows = used_rows(manifest, images, keep).rename(columns={"bytes": "size"})
    types = {column: _INDEX_TYPES.get(column, "str") for column in ORIGINAL_COLUMNS}
    write_parquet(rows[ORIGINAL_COLUMNS].astype(types), output)
    logging.getLogger(__name__).info("%d of %d images", len(rows), len(images))
