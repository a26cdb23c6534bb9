"""Image sets: uncompressed tar shards (the WebDataset convention), each with an index beside it.

Members stand in id order, with times and owners zeroed, so that the same images give the same
bytes. The index gives offset and size of every image, so that one is read without the others.
"""

from __future__ import annotations

import hashlib
import io
import os
import tarfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import numpy as np
import pandas as pd

from anonbench.errors import InputError
from anonbench.files import part_of, write_parquet
from anonbench.images import decode

_INDEX_TYPES = {
    "id": "str",
    "offset": "int64",
    "size": "int64",
    "width": "int64",
    "height": "int64",
    "digest": "str",
}
INDEX_COLUMNS = list(_INDEX_TYPES)


def index_path(tar: Path) -> Path:
    """Return where the index of a shard is."""
    return tar.with_suffix(".parquet")


def member_name(image_id: str, extension: str) -> str:
    """Return an image's name in a shard.

    Dots are escaped, because WebDataset cuts a name at its first dot.
    """
    return quote(image_id, safe="/ -_").replace(".", "%2E") + "." + extension


class ShardWriter:
    """Writes one shard and its index; both appear when the block ends well, or neither."""

    def __init__(self, tar: Path) -> None:
        self._path = tar
        self._rows: list[tuple[str, int, int, int, int, str]] = []

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._part = part_of(self._path)
        self._file = self._part.open("wb")
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)
        return self

    def add(self, image_id: str, data: bytes, extension: str, width: int, height: int) -> None:
        """Append one coded image; ids must come in ascending order."""
        if self._rows and image_id <= self._rows[-1][0]:
            raise ValueError(f"{image_id!r} does not come after {self._rows[-1][0]!r}")
        member = tarfile.TarInfo(member_name(image_id, extension))
        member.size = len(data)
        member.mode = 0o644
        self._tar.addfile(member, io.BytesIO(data))
        padding = -len(data) % tarfile.BLOCKSIZE
        offset = self._tar.offset - padding - len(data)
        digest = hashlib.sha256(data).hexdigest()
        self._rows.append((image_id, offset, len(data), width, height, digest))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._tar.close()
            self._file.close()
            if kind is None:
                # the types are stated for shards without images, which small data sets have
                frame = pd.DataFrame(self._rows, columns=INDEX_COLUMNS).astype(_INDEX_TYPES)
                write_parquet(frame, self._index())
                self._part.replace(self._path)
        finally:
            self._part.unlink(missing_ok=True)
            with suppress(OSError):  # what is still to be written does not fit on a full disk
                self._file.close()

    def _index(self) -> Path:
        return index_path(self._path)


class ImageSet:
    """Random access to the images of several shards, by id. Safe to pickle and to fork."""

    def __init__(self, shards: Sequence[Path], index: pd.DataFrame) -> None:
        self._shards = list(shards)
        self._index = index
        self._rows = {image_id: row for row, image_id in enumerate(index["id"])}
        self._where = index[["shard", "offset", "size"]].to_numpy(np.int64)
        self._sizes = index[["width", "height"]].to_numpy(np.int64)
        self._handles: dict[int, int] = {}
        self._pid = os.getpid()

    @classmethod
    def open(cls, files: Sequence[Path]) -> Self:
        """Open shards by their tar paths; their indexes may stand among them.

        Raises:
            InputError: there is no shard, a shard's index is missing, or an id occurs twice.

        """
        shards = [path for path in files if path.suffix == ".tar"]
        if not shards:
            raise InputError("an image set needs at least one shard")
        parts = []
        for number, tar in enumerate(shards):
            index = index_path(tar)
            if not index.is_file():
                raise InputError(f"{tar}: its index {index.name} is missing; make the shard again")
            parts.append(pd.read_parquet(index).assign(shard=number))
        whole = pd.concat(parts, ignore_index=True).sort_values("id", ignore_index=True)
        twice = whole["id"][whole["id"].duplicated()]
        if len(twice):
            raise InputError(f"{shards[0].parent}: image {twice.iloc[0]!r} occurs in two shards")
        return cls(shards, whole)

    @property
    def ids(self) -> list[str]:
        """The ids, sorted."""
        return [str(image_id) for image_id in self._index["id"]]

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
        """Return one image as it is coded."""
        try:
            shard, offset, size = self._where[self._rows[image_id]].tolist()
        except KeyError:
            raise InputError(f"image {image_id!r} is not in {self._shards[0].parent}") from None
        data = os.pread(self._handle(shard), size, offset)
        if len(data) < size:
            raise InputError(f"{self._shards[shard]}: is shorter than its index says")
        return data

    def read(self, image_id: str, reduce: int = 1) -> np.ndarray:
        """Return one image, uint8 [H, W] or [H, W, 3] RGB.

        Where it is a JPEG, it can be had at one over `reduce` (1, 2, 4 or 8) of its size.
        """
        return decode(self.read_bytes(image_id), reduce)

    def _handle(self, shard: int) -> int:
        if self._pid != os.getpid():  # after a fork: the parent's handles stay the parent's
            self._handles, self._pid = {}, os.getpid()
        if shard not in self._handles:
            self._handles[shard] = os.open(self._shards[shard], os.O_RDONLY)
        return self._handles[shard]

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_handles": {}}


def open_sets(names: Sequence[str], files: Sequence[Path]) -> dict[str, ImageSet]:
    """Open image sets of equally many shards, by name.

    Args:
        names: of the sets.
        files: the first set's shards and their indexes, then the second's, and so on.

    Raises:
        InputError: the files are no such sets, an index is missing, or an id occurs twice in a set.

    """
    if not names:
        return {}
    if len(files) % len(names):
        raise InputError(f"{len(files)} files are no {len(names)} image sets of equally many")
    each = len(files) // len(names)
    parts = (files[start : start + each] for start in range(0, len(files), each))
    return {name: ImageSet.open(part) for name, part in zip(names, parts, strict=True)}
