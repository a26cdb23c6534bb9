"""Random generators seeded by purpose, not by time or worker."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np


def hash_int(*parts: object) -> int:
    """Return a 64-bit integer that depends only on the text of `parts`, on every machine."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "little")


def hash_ints(parts: tuple[object, ...], items: Iterable[object]) -> np.ndarray:
    """Return `hash_int(*parts, item)` of every item, uint64 [N]; several times as fast."""
    start = hashlib.sha256("".join(f"{part}\x1f" for part in parts).encode("utf-8"))
    digests = []
    for item in items:
        hashed = start.copy()
        hashed.update(str(item).encode("utf-8"))
        digests.append(hashed.digest()[:8])
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def rng(*parts: object) -> np.random.Generator:
    """Return a generator seeded by `parts`, for example a seed, a purpose and an image id."""
    return np.random.Generator(np.random.PCG64(hash_int(*parts)))
