"""Detectors loaded by name, and single images searched by several, loaded when first needed."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from anonbench.config.detectors import LOOKED_FOR, Detection
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.memory import SMALL, exclusive_if
from anonbench.core.registries.detectors import DETECTORS, Detector, Loading
from anonbench.core.vocabulary import Entity
from anonbench.core.wording import suggestion
from anonbench.detection.base import CachedDetector, CheckedDetector
from anonbench.detection.doubts import LEAST_LIGHT, doubts_of, grey_range
from anonbench.detection.kinds import kind_named
from anonbench.detection.text_search import with_text


def build_all(
    names: Sequence[str], settings: Detection, threads: int = 1, templates: Path | None = None
) -> dict[str, Detector]:
    """Load detectors that search the same images; see `build`. Lines of text are found once."""
    lines = CachedDetector(build("ppocr", settings, threads)) if share_lines(names) else None
    known = {"ppocr": lines} if lines else {}
    return {n: known.get(n) or build(n, settings, threads, templates, lines) for n in names}


def share_lines(names: Sequence[str]) -> bool:
    """Whether several of the detectors use lines of text."""
    return len({"ppocr", "mrz", "ink", "centerface"} & set(names)) > 1


def build(
    name: str,
    settings: Detection,
    threads: int = 1,
    templates: Path | None = None,
    lines: Detector | None = None,
) -> Detector:
    """Load a detector whose regions are checked; its package is imported only here.

    It reads its own section of the settings; the rest is as in `Loading`.

    Raises:
        InputError: its package or its weights are missing; with a hint.
    """
    kind = kind_named(name)
    try:
        loaded = settings.of(kind).load(Loading(settings, threads, templates, lines))
    except ImportError as error:
        raise InputError(
            f"detector {name} cannot be loaded ({error}); install it: {kind.install}; or "
            "search without it (`detectors`, --detector, --hide)"
        ) from error
    return CheckedDetector(loaded)


def searching(names: Iterable[str]) -> tuple[str, ...]:
    """The detectors with these names, each once; InputError for another list."""
    given = () if isinstance(names, str) else tuple(dict.fromkeys(names))
    if not given:
        raise InputError(f"detectors: a list of at least one name is needed, not {names!r}")
    known = [name for name in DETECTORS if name not in ("boxes", "template")]
    for name in given:
        if name not in known:
            near = suggestion(name, known) or f"; there are {', '.join(known)}"
            raise InputError(f"detector {name}: there is no such detector here{near}")
    return given


def kinds_of(names: Sequence[str]) -> list[str]:
    """Kinds of regions that detectors find."""
    kinds = [DETECTORS[name].entities for name in names if name in DETECTORS]
    return [str(entity) for entity in Entity if any(entity in each for each in kinds)]


def more_detectors(names: Sequence[str]) -> str:
    """Detectors to add if these found nothing: first those of other kinds, else of the same."""
    known = kinds_of(names)
    missing = [name for name in LOOKED_FOR if not {*DETECTORS[name].entities} & {*known}]
    others = missing or [name for name in DETECTORS if name not in {*names, "boxes", "template"}]
    found = [f"{name} ({', '.join(DETECTORS[name].entities)})" for name in others]
    return f"detectors that may find more: {', '.join(found)}"


class DetectorFailed(Exception):  # noqa: N818 - a finding about an image
    """A detector failed on an image. The message shows nothing of its content."""


def require_light(name: str, image: np.ndarray) -> None:
    """Raise DetectorFailed if an image is nearly black: what it shows is neither found nor seen."""
    low, high = grey_range(image)
    if name != "boxes" and low < high < LEAST_LIGHT:
        raise DetectorFailed(
            f"nearly black, without a value above {high} of 255: brighten it first"
        )


def found_by(name: str, detector: Detector, image: np.ndarray) -> list[Region]:
    """Regions that a detector finds in one image.

    Raises:
        DetectorFailed: it failed on the image, or the image is nearly black.
        InputError: the user's input as a whole is wrong.
    """
    require_light(name, image)
    try:
        (regions,) = detector.detect([image])
    except UnreadableImage as error:
        raise DetectorFailed(f"{name}: {error}") from None
    except InputError:
        raise
    except Exception as error:  # other packages may raise anything
        # the exception's text is left out: it may quote the image's content
        raise DetectorFailed(f"{name} failed ({type(error).__name__})") from error
    return list(regions)


@dataclass(frozen=True)
class Searched:
    """Findings in one image, and how it was searched."""

    regions: list[Region]
    how: dict[str, Any]
    """`grey`, the darkest and brightest value of any channel; `views`, by detector the scales,
    tiles and turns at which it searched; `doubts` (`anonbench.detection.doubts`).
    """


class Search:
    """Regions of an image by all detectors together."""

    def __init__(self, detectors: Sequence[str], settings: Detection) -> None:
        self._names, self._settings = detectors, settings
        self._detectors: dict[str, Detector] = {}

    def __call__(self, image: np.ndarray, text: Sequence[np.ndarray] = ()) -> list[Region]:
        """Regions of an image, uint8 [H, W] or [H, W, 3] RGB, and places of its file's text.

        Raises:
            DetectorFailed: a detector failed on it.
            InputError: a detector cannot be loaded.
        """
        if not self._detectors:
            self._detectors = build_all(self._names, self._settings)
        # memory of detectors grows with an image, to gigabytes
        with exclusive_if(image.shape[0] * image.shape[1] > SMALL):
            found = {name: found_by(name, each, image) for name, each in self._detectors.items()}
        return [r for name in found for r in with_text(name, found[name], text, image)]

    def searched(self, image: np.ndarray, text: Sequence[np.ndarray] = ()) -> Searched:
        """Search an image and describe the search; see `__call__`."""
        regions, kinds = self(image, text), kinds_of(self._names)
        views: dict[str, Any] = {}
        for name, detector in self._detectors.items():
            inner: object | None = detector
            while inner is not None and not hasattr(inner, "views"):
                inner = getattr(inner, "_detector", None)
            if inner is not None and (said := inner.views(image.shape)):
                views[name] = said
        how = {
            "grey": grey_range(image),
            "views": views,
            "doubts": doubts_of(image, regions, kinds, self._settings.speed),
        }
        return Searched(regions, how)
