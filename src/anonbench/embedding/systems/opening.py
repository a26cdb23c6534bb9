"""Start of systems, with the identity and the checks that all kinds share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anonbench.core.errors import InputError
from anonbench.core.provenance import content_digest, file_digest
from anonbench.core.registries import systems
from anonbench.embedding.systems import kind_named

if TYPE_CHECKING:
    import numpy as np

_AGAIN = 3  # number of images that a system gets twice
# changes of a vector by half precision on a GPU, at other places of a batch: as a share of its
# length, and of the differences between images
_ROUNDING, _NOISE = 1e-3, 0.05


@contextmanager
def open_system(settings: systems.SystemKind) -> Iterator[systems.System]:
    """Start a system of any kind, such as `Timm(model="resnet18")`; InputError if it cannot be."""
    identity = identity_of(settings)
    # not settings.start(): a job's fingerprint has the code that is named
    kind: Any = kind_named(settings.name)
    if isinstance(settings, systems.NetworkKind) and kind.start is systems.SystemKind.start:
        from anonbench.embedding.systems.torch_encoder import network_encoder  # loads PyTorch

        started = network_encoder(kind.network(settings), settings.adapter)
    else:
        started = kind.start(settings)
    with started as encoder:
        yield Checked(encoder, identity, settings.similarity)


def identity_of(settings: systems.SystemKind) -> str:
    """Return a digest of all that decides a system's vectors; nothing is started.

    The similarity is no part of it: it decides what vectors are compared by, not what they are.
    InputError: a file that the settings name is missing.
    """
    for path in settings.files():
        if not path.is_file():
            raise InputError(f"systems: {path} does not exist")
    described = {
        # a file is identified by its content, wherever it is
        "settings": settings.effective() | dict.fromkeys(("similarity", *settings.file_fields)),
        "files": [file_digest(path) for path in settings.files()],
        "evidence": settings.evidence(),
    }
    described |= systems.SYSTEMS.origin(settings.name)  # the code of another package's system
    return content_digest(described)


@dataclass
class Checked:
    """An encoder whose answers are checked against the promises of `System`."""

    encoder: systems.Encoder
    identity: str
    similarity: systems.Similarity
    _compared: int = 0  # repeated requests so far: 0 for none, 1 of a single image, 2 of several
    _width: int = 0  # dimension of the last vectors

    def encode(self, images: Sequence[np.ndarray]) -> np.ndarray:
        """See `System.encode`; some images of the first call are asked for again.

        InputError: another dimension than before, or another vector for an image that is asked for
        again, in another order or beside fewer images.
        """
        vectors = self._answer(images)
        if self._compared < (count := min(len(images), 2)):
            self._compared = count
            self._ask_again(images, vectors)
        return vectors

    def _answer(self, images: Sequence[np.ndarray]) -> np.ndarray:
        vectors = checked(self.encoder.encode(images), len(images))
        before, self._width = self._width or vectors.shape[1], vectors.shape[1]
        if before != self._width:
            raise InputError(
                f"the system returned vectors of {before} and of {self._width} dimensions; all "
                "have to have the same"
            )
        return vectors

    def _ask_again(self, images: Sequence[np.ndarray], vectors: np.ndarray) -> None:
        count = min(_AGAIN, max(len(images) - 1, 1))  # fewer than before, at other places
        again = [*range(len(images))][::-1][:count]
        few = [images[number] for number in again]
        answer = self._answer(few)
        share = _difference(vectors, again, answer)
        if share == 0:
            return
        why, way = (
            "beside other images: it depends on what is computed together",
            (", or give the system one image at a time (batch_size: 1)"),
        )
        if _difference(answer, [*range(count)], self._answer(few)):
            why, way = "when it is asked again: a part of it is random", ", so that dropout is off"
        raise InputError(
            f"systems: the system gives the same image another vector {why}. Export the model for "
            f"evaluation (model.eval()){way}. The two differ by {share:.0%} of what different "
            "images differ by, so no ranking can be trusted"
        )


def _difference(vectors: np.ndarray, rows: Sequence[int], again: np.ndarray) -> float:
    """Distance of vectors [M, D] from rows of all [N, D], by the spread of all; 0 for rounding."""
    import numpy as np

    wide, other = vectors.astype(np.float64), again.astype(np.float64)
    apart = np.linalg.norm(wide[rows] - other, axis=1).max()
    spread = np.sqrt(2 * ((wide - wide.mean(axis=0)) ** 2).sum(axis=1).mean())
    length = max(np.linalg.norm(wide[rows], axis=1).max(), np.linalg.norm(other, axis=1).max())
    if apart <= max(_ROUNDING * length, _NOISE * spread):
        return 0.0
    return float(apart / max(spread, _ROUNDING * length))


def checked(values: object, count: int) -> np.ndarray:
    """Return vectors as float32 [N, D]; InputError if they are no floats, or not finite."""
    import numpy as np

    array = np.asarray(values)
    if array.dtype.kind != "f":
        raise InputError(f"the system returned {array.dtype}, not floats")
    if array.ndim != 2 or len(array) != count or array.shape[1] == 0:
        raise InputError(
            f"the system returned an array of shape {array.shape} for {count} images; it has to "
            "return one row for each image and one column for each dimension"
        )
    with np.errstate(over="ignore"):  # values beyond float32 are refused as infinite
        vectors = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(vectors).all():
        raise InputError("the system returned values that are not finite (NaN or infinity)")
    return vectors
