"""Lazy imports of libraries for modules that are loaded with the config."""

from __future__ import annotations

from functools import cache
from types import ModuleType


@cache
def opencv() -> ModuleType:
    """Return `cv2`; an import statement in a function takes as long as hiding a small region."""
    from anonbench.core.libraries.opencv import cv2

    return cv2
