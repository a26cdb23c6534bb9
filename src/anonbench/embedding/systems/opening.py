"""Systems started, with the identity and the checks that all kinds share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest
from anonbench.core.registries.systems import Encoder, Similarity, System, SystemKind
from anonbench.embedding.systems.kinds import kind_named

if TYPE_CHECKING:
    import numpy as np


@contextmanager
def open_system(settings: SystemKind) -> Iterator[System]:
    """Start a system for the time of the block.

    Args:
        settings: of any kind, such as `Timm(name="vit_small_patch16_224")`.

    Raises:
        InputError: it cannot be started; says what is missing.

    """
    identity = identity_of(settings)
    # not settings.start(): a job's fingerprint has the code that is named
    with kind_named(settings.name).start(settings) as encoder:
        yield _Checked(encoder, identity, settings.similarity)


def identity_of(settings: SystemKind) -> str:
    """Return a digest of all that decides a system's vectors; nothing is started.

    The similarity is no part of it: it decides what vectors are compared by, not what they are.

    Raises:
        InputError: a file that the settings name is missing.

    """
    for path in settings.files():
        if not path.is_file():
            raise InputError(f"systems: {path} does not exist")
    described = {
        # a file is what it holds, wherever it lies
        "settings": settings.effective() | dict.fromkeys(("similarity", *settings.file_fields)),
        "files": [file_digest(path) for path in settings.files()],
        "evidence": settings.evidence(),
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class _Checked:
    """An encoder whose answers are what `System` promises, or an error."""

    encoder: Encoder
    identity: str
    similarity: Similarity

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """See `System.encode`."""
        return checked(self.encoder.encode(images), len(images))


def checked(values: object, count: int) -> np.ndarray:
    """Return vectors as float32 [N, D].

    Raises:
        InputError: they are no floats, not one a row, or not finite.

    """
    import numpy as np

    array = np.asarray(values)
    if array.dtype.kind != "f":
        raise InputError(f"the system returned {array.dtype}, not floats")
    if array.ndim != 2 or len(array) != count or array.shape[1] == 0:
        raise InputError(
            f"the system returned an array of shape {array.shape} for {count} images; it has to "
            "return one row for each image and one column for each dimension"
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold is refused as infinite
        vectors = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise InputError("the system returned values that are not finite (NaN or infinity)")
    return vectors
