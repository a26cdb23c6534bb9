"""Libraries for modules that the config is read with: imported when they are first asked for."""

from __future__ import annotations

from functools import cache
from types import ModuleType


@cache
def opencv() -> ModuleType:
    """Return `cv2`; an import statement in a function takes as long as a small region's pixels."""
    from anonbench.core.libraries.opencv import cv2

    return cv2
