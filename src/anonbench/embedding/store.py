"""Embeddings on disk, in the HDF5 format that other systems may write, too; and their cache."""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.io import atomic
from anonbench.embedding.hdf5 import Stored, opened, require_memory

if TYPE_CHECKING:
    from anonbench.datasets.image_sets.shards import ImageSet


@dataclass(frozen=True)
class Embeddings:
    """One vector an image; not normalized."""

    ids: list[str]
    values: np.ndarray
    """float32 [N, D]."""
    provenance: dict[str, Any] = field(default_factory=dict)

    @property
    def similarity(self) -> str:
        """Similarity of the vectors: `cosine`, unless their provenance says `similarity`."""
        return str(self.provenance.get("similarity", "cosine"))


def write_embeddings(path: Path, embeddings: Embeddings) -> None:
    """Write HDF5 with `/embeddings` [N, D], `/ids` [N] and the attribute `provenance` (JSON)."""
    if len(embeddings.ids) != len(embeddings.values):
        raise ValueError(f"{len(embeddings.ids)} ids for {len(embeddings.values)} vectors")
    with atomic(path) as temporary, h5py.File(temporary, "w", track_order=False) as file:
        values = np.ascontiguousarray(embeddings.values, dtype=np.float32)
        file.create_dataset("embeddings", data=values, track_times=False)
        file.create_dataset(
            "ids", data=embeddings.ids, dtype=h5py.string_dtype("utf-8"), track_times=False
        )
        file.attrs["provenance"] = json.dumps(embeddings.provenance, sort_keys=True)


def write_set(path: Path, images: ImageSet, values: np.ndarray, made_by: Mapping[str, Any]) -> None:
    """Write the vectors of an image set, float32 [N, D] in id order, with what made them."""
    write_embeddings(path, Embeddings(images.ids, values, {**made_by, "images": images.digest}))


def read_embeddings(path: Path) -> Embeddings:
    """Read embeddings.

    Raises as `hdf5.opened`, and InputError for an id that is named twice, values that are not
    finite, or too little memory.
    """
    with opened(path) as file:
        require_memory(path, 4 * file.vectors.size)
        values = np.asarray(file.vectors, dtype=np.float32)
        ids = _ids(file, path)
    if not np.isfinite(values).all():
        raise InputError(f"{path}: some embeddings are not finite")
    return Embeddings(ids, values, file.provenance)


def read_ids(path: Path) -> tuple[list[str], int]:
    """Return the ids [N] of embeddings, in the file's order, and the dimension D.

    Raises as `hdf5.opened`, and InputError where the file names an id twice.
    """
    with opened(path) as file:
        return _ids(file, path), int(file.vectors.shape[1])


def read_provenance(path: Path) -> dict[str, Any]:
    """Return the attribute `provenance` of a file, empty without one; raises as `hdf5.opened`."""
    with opened(path) as file:
        return file.provenance


def read_rows(path: Path, rows: np.ndarray) -> np.ndarray:
    """Return some embeddings of a file, float32 [M, D]; `rows` are their places, int64 [M].

    Neighbours are read at once: fast for ascending places, whatever the file's size. Raises as
    `hdf5.opened`.
    """
    with opened(path) as file:
        values = file.vectors
        found = np.empty((len(rows), values.shape[1]), dtype=np.float32)
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        for start, stop in pairwise([0, *breaks.tolist(), len(rows)]):
            if start < stop:
                found[start:stop] = values[rows[start] : rows[stop - 1] + 1]
    return found


def _ids(file: Stored, path: Path) -> list[str]:
    names = [str(text) for text in file.names.asstr()[:]]
    refuse_repeated(names, path)
    return names


def refuse_repeated(names: list[str], where: object) -> None:
    """Raise InputError if an id occurs twice; names `where`."""
    if len(set(names)) == len(names):
        return
    repeated = {name: times for name, times in Counter(names).items() if times > 1}
    name = next(iter(repeated))
    raise InputError(
        f"{where}: {len(repeated)} ids occur more than once, such as {name!r} "
        f"({repeated[name]} times); keep one embedding an image"
    )


log = logging.getLogger(__name__)


class VectorCache:
    """Vectors of images by the digest of their bytes, of one system; new ones until `flush`."""

    def __init__(self, folder: Path, identity: str) -> None:
        """Find the existing files of a system, by its identity, in the folder of all caches."""
        # an own object's identity may be any text: its first letters are not enough
        is_digest = re.fullmatch("[0-9a-f]{64}", identity)
        name = identity if is_digest else hashlib.sha256(identity.encode()).hexdigest()
        self._folder = folder / name[:32]
        self._places: dict[str, tuple[Path, int]] = {}
        self._new: dict[str, np.ndarray] = {}
        for file in sorted(self._folder.glob("*.h5")):
            try:
                digests, _ = read_ids(file)
            except InputError as error:
                log.warning("%s; it is not used", error)
                continue
            self._note(file, digests)

    def __contains__(self, digest: str) -> bool:
        return digest in self._places or digest in self._new

    def add(self, digests: Sequence[str], vectors: np.ndarray) -> None:
        """Add the vectors [N, D] of N images; D is the same for all (`Checked`)."""
        self._new |= dict(zip(digests, vectors, strict=True))

    def flush(self) -> None:
        """Write the new vectors to a separate file."""
        if not self._new:
            return
        digests, vectors = list(self._new), np.stack(list(self._new.values()))
        name = hashlib.sha256("\n".join(digests).encode()).hexdigest()[:32]
        write_embeddings(self._folder / f"{name}.h5", Embeddings(digests, vectors))
        self._note(self._folder / f"{name}.h5", digests)
        self._new.clear()

    def read(self, digests: Sequence[str]) -> np.ndarray:
        """Return the vectors of images that are all there, float32 [N, D].

        InputError: they are of several dimensions, or not finite.
        """
        known = {digest: self._new[digest] for digest in digests if digest in self._new}
        by_file: dict[Path, dict[int, str]] = {}
        for digest in digests:
            if digest not in known:
                file, row = self._places[digest]
                by_file.setdefault(file, {})[row] = digest
        for file, wanted in by_file.items():
            rows = sorted(wanted)
            vectors = read_rows(file, np.array(rows))
            if not np.isfinite(vectors).all():
                raise InputError(
                    f"{file}: some vectors are not finite; delete it (a cache: its images are "
                    "embedded again)"
                )
            known |= {wanted[row]: vector for row, vector in zip(rows, vectors, strict=True)}
        widths = {len(vector) for vector in known.values()}
        if len(widths) > 1:
            raise InputError(
                f"systems: the system returned vectors of {' and '.join(map(str, sorted(widths)))} "
                "dimensions; one system has one. If its model has changed, give the system another "
                f"`version` or delete {self._folder} (a cache: its images are embedded again)"
            )
        return np.stack([known[each] for each in digests]) if digests else np.empty((0, 0), "f4")

    def _note(self, file: Path, digests: Sequence[str]) -> None:
        self._places |= {digest: (file, row) for row, digest in enumerate(digests)}
