"""Cache of a system's vectors by image content, in HDF5 files that may be deleted at any time."""

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
    """Vectors of images by the digest of their bytes, of one system."""

    def __init__(self, folder: Path, identity: str) -> None:
        """Look through what there is.

        Args:
            folder: of the caches of all systems.
            identity: the system's, of `anonbench.core.registries.systems.System`.

        """
        self._folder = folder / identity[:32]
        self._files: list[Path] = []
        self._places: dict[str, tuple[int, int]] = {}
        for file in sorted(self._folder.glob("*.h5")):
            try:
                digests, _ = read_ids(file)
            except InputError as error:
                log.warning("%s; it is not used", error)
                continue
            self._note(file, digests)

    @property
    def way_out(self) -> str:
        """What to do about vectors of another model than those that are kept."""
        return (
            f"If its model has changed, give the system another `version` or delete {self._folder} "
            "(a cache: its images are embedded again)"
        )

    def __contains__(self, digest: str) -> bool:
        return digest in self._places

    def add(self, digests: Sequence[str], vectors: np.ndarray) -> None:
        """Keep the vectors [N, D] of N images."""
        name = hashlib.sha256("\n".join(digests).encode()).hexdigest()[:32]
        file = self._folder / f"{name}.h5"
        self._folder.mkdir(parents=True, exist_ok=True)
        write_embeddings(file, Embeddings(list(digests), vectors))
        self._note(file, digests)

    def read(self, digests: Sequence[str]) -> np.ndarray:
        """Return the vectors of images that are all there, float32 [N, D].

        Raises:
            InputError: they are of several dimensions, or not finite.

        """
        places = np.array([self._places[digest] for digest in digests], np.int64).reshape(-1, 2)
        parts: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for number in np.unique(places[:, 0]).tolist():
            rows = np.flatnonzero(places[:, 0] == number)
            wanted, back = np.unique(places[rows, 1], return_inverse=True)
            parts[number] = rows, read_rows(self._files[number], wanted)[back]
            if not np.isfinite(parts[number][1]).all():
                raise InputError(
                    f"{self._files[number]}: some vectors are not finite; delete it (a cache: its "
                    "images are embedded again)"
                )
        widths = {vectors.shape[1] for _, vectors in parts.values()}
        if len(widths) > 1:
            raise InputError(
                f"the system returned vectors of {' and '.join(map(str, sorted(widths)))} "
                f"dimensions; one system has one. {self.way_out}"
            )
        found = np.empty((len(digests), widths.pop() if widths else 0), np.float32)
        for rows, vectors in parts.values():
            found[rows] = vectors
        return found

    def _note(self, file: Path, digests: Sequence[str]) -> None:
        number = len(self._files)
        self._files.append(file)
        self._places |= {digest: (number, row) for row, digest in enumerate(digests)}
