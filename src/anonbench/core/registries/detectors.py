"""Detectors of sensitive regions: images in, boxes or quadrilaterals out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from anonbench.core.registries.registry import Registered, Registry

if TYPE_CHECKING:
    import numpy as np

    from anonbench.core.boxes import Region


class Detector(Protocol):
    """Finds one or more kinds of sensitive regions. Built once per job, since loading is slow."""

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """Return the regions of each image, clipped to it; an empty list where nothing is found.

        Args:
            images: uint8 [H, W] grey or [H, W, 3] RGB, of any sizes; they are not changed, and
                arrays may be read-only.

        Raises:
            UnreadableImage: an image that this detector cannot look at; the message says why.
        """
        ...


@dataclass(frozen=True)
class Loading:
    """What a detector may need besides its own parameters."""

    detection: Any
    """The section `detection` of the config."""
    threads: int = 1
    """CPU threads of its own inference engine (ONNX Runtime); torch and OpenCV have one."""
    templates: Path | None = None
    """The data set's folder of annotated templates."""
    lines: Detector | None = None
    """Detector of text lines in the same images, if another detector needs them, too."""


class DetectorKind(Registered):
    """One kind of detector. Its fields are its parameters, a section of `detection`."""

    entities: ClassVar[tuple[str, ...]] = ()
    """What it looks for, of `anonbench.core.vocabulary.Entity`; empty: what the user's files name.
    """
    reads: ClassVar[tuple[str, ...]] = ()
    """Other fields of the section `detection` that its regions depend on. With `device`, it runs on
    a GPU where the config asks for one."""
    install: ClassVar[str] = "pip install -r requirements.lock"
    """The command that installs what it needs."""
    seconds_an_image: ClassVar[tuple[float, float]] = (0.2, 0.3)
    """On a core, and those that each of its megapixels adds; for the plan and the time limits of
    clusters."""
    memory_mb: ClassVar[int] = 2_000
    """Of a job with images of 10,000 x 10,000 pixels. Seen: 1,530 with ppocr, 1,400 with zxing,
    1,250 with mrz, 910 where they are only read."""

    def load(self, loading: Loading) -> Detector:
        """Load the detector; import its package here.

        Raises:
            ImportError: the package is missing; the user is told of `install`.
            InputError: its weights are missing; says where to put them.
        """
        raise NotImplementedError


DETECTORS = Registry("anonbench.detectors", DetectorKind, "anonbench.detection.kinds:BUILT_IN")
