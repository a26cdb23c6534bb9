"""Cache of a system's vectors by image content, in HDF5 files that may be deleted."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from anonbench.core.errors import InputError
from anonbench.embedding.store import Embeddings, read_ids, read_rows, write_embeddings

log = logging.getLogger(__name__)


class VectorCache:
    """Vectors of images by the digest of their bytes, of one system; new ones until `flush`."""

    def __init__(self, folder: Path, identity: str) -> None:
        """Find the existing files of a system, by its identity, in the folder of all caches."""
        self._folder = folder / identity[:32]
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
        """Add the vectors [N, D] of N images.

        Raises:
            InputError: earlier ones have another dimension.

        """
        before = next((len(vector) for vector in self._new.values()), vectors.shape[1])
        if before != vectors.shape[1]:
            raise self._several_widths({before, vectors.shape[1]})
        self._new |= dict(zip(digests, vectors, strict=True))

    def flush(self) -> None:
        """Write the new vectors to a separate file."""
        if not self._new:
            return
        digests, vectors = list(self._new), np.stack(list(self._new.values()))
        name = hashlib.sha256("\n".join(digests).encode()).hexdigest()[:32]
        self._folder.mkdir(parents=True, exist_ok=True)
        write_embeddings(self._folder / f"{name}.h5", Embeddings(digests, vectors))
        self._note(self._folder / f"{name}.h5", digests)
        self._new.clear()

    def read(self, digests: Sequence[str]) -> np.ndarray:
        """Return the vectors of images that are all there, float32 [N, D].

        Raises:
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
            raise self._several_widths(widths)
        return np.stack([known[each] for each in digests]) if digests else np.empty((0, 0), "f4")

    def _several_widths(self, widths: set[int]) -> InputError:
        return InputError(
            f"systems: the system returned vectors of {' and '.join(map(str, sorted(widths)))} "
            "dimensions; one system has one. If its model has changed, give the system another "
            f"`version` or delete {self._folder} (a cache: its images are embedded again)"
        )

    def _note(self, file: Path, digests: Sequence[str]) -> None:
        self._places |= {digest: (file, row) for row, digest in enumerate(digests)}
