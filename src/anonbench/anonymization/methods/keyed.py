"""Random numbers that only the holder of a secret key can repeat."""

import hashlib
import hmac
import json
from pathlib import Path
from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit import Failure
from anonbench.core.errors import InputError
from anonbench.core.registries.methods import Method
from anonbench.core.settings import Place

LEAST = 32  # bytes of a key


class Keyed(Method):
    """A method with random numbers.

    They follow from a secret key and from everything that the result depends on: the region's
    pixels, the method and its strengths. So a run can be repeated by its owner. Without the key
    nobody can repeat the numbers and subtract them; made of public content or of a fixed seed, they
    would hide nothing. With it, anyone can: who holds the key is as if there were no noise.
    """

    key_file: Place = Path("anonbench.key")
    """File with the secret key of at least 32 bytes (`openssl rand -hex 32 > anonbench.key`); it is
    only read."""

    name: ClassVar[str]

    def random(self, pixels: np.ndarray, entity: str, count: int, bits: int) -> np.ndarray:
        """Return `count` uniform whole numbers of so many bits, as little-endian unsigned integers.

        HMAC-SHA256 (RFC 2104) of the key, expanded by SHAKE-256.
        """
        strengths = self.model_dump(mode="json", exclude={"key_file"})
        about = json.dumps([self.name, entity, pixels.shape, strengths], sort_keys=True)
        message = about.encode() + b"\0" + np.ascontiguousarray(pixels).tobytes()
        seed = hmac.digest(self._key(), message, "sha256")
        stream = hashlib.shake_256(seed).digest(count * bits // 8)
        return np.frombuffer(stream, f"<u{bits // 8}")

    def drawn_again(self, original: np.ndarray, entity: str, count: int, size: int) -> np.ndarray:
        """Return the same numbers of `size` bytes, as uint64, for the audit, from uint8 [c, h, w].

        Raises:
            Failure: there is no key.
        """
        try:
            key = self.key_file.read_bytes()
        except OSError:
            raise Failure("the key of its random numbers cannot be read") from None
        pixels = original.transpose(1, 2, 0) if len(original) == 3 else original[0]
        strengths = self.model_dump(mode="json", exclude={"key_file"})
        head = json.dumps([self.name, entity, [*pixels.shape], strengths], sort_keys=True)
        seed = hmac.new(key, head.encode() + b"\0" + pixels.tobytes(), "sha256").digest()
        stream = hashlib.shake_256(seed).digest(count * size)
        return np.frombuffer(stream, f"<u{size}").astype(np.uint64)

    def _key(self) -> bytes:
        try:
            key = self.key_file.read_bytes()
            fault = f" has {len(key)} bytes, and a key has {LEAST} at least"
        except OSError as error:
            key, fault = b"", f": {error.strerror or 'cannot be read'}"
        if len(key) >= LEAST:
            return key
        raise InputError(
            f"anonymization.{self.name}.key_file: {self.key_file}{fault}; make one by "
            f"`openssl rand -hex 32 > {self.key_file}`, or name the one there is"
        )
