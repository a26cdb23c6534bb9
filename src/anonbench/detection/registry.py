"""Detectors loaded by name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from anonbench.config.detectors import Detection, DetectorName
from anonbench.core.errors import InputError
from anonbench.core.registries.detectors import Detector, Loading
from anonbench.detection.base import CachedDetector, CheckedDetector
from anonbench.detection.kinds import kind_named


def build_all(
    names: Sequence[str],
    settings: Detection,
    threads: int = 1,
    templates: Path | None = None,
) -> dict[str, Detector]:
    """Load detectors that search the same images; see `build`. Lines of text are found once."""
    shared = len({DetectorName.PPOCR, DetectorName.MRZ, DetectorName.INK} & set(names)) > 1
    lines = CachedDetector(build(DetectorName.PPOCR, settings, threads)) if shared else None
    return {
        name: lines
        if lines is not None and name == DetectorName.PPOCR
        else build(name, settings, threads, templates, lines)
        for name in names
    }


def build(
    name: str,
    settings: Detection,
    threads: int = 1,
    templates: Path | None = None,
    lines: Detector | None = None,
) -> Detector:
    """Load a detector whose regions are checked; its package is imported only here.

    Args:
        name: which.
        settings: the settings of all detectors; it reads its own section.
        threads: see `Loading`.
        templates: see `Loading`.
        lines: see `Loading`; loaded if needed and not given.

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
