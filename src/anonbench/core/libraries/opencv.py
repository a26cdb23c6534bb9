"""OpenCV with one thread, loaded where it is first used.

Some of its functions round differently with another number of threads, and by default it uses all
cores of the machine: equal input would then give other bytes on another machine. All modules import
it from here. More cores are used by running more jobs. Loading takes a quarter of a second, which
commands that read no image do without.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any


@cache
def _loaded() -> ModuleType:
    import cv2

    cv2.setNumThreads(1)
    return cv2


class _Later(ModuleType):
    """A module whose names are looked up in OpenCV."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_loaded(), name)


if TYPE_CHECKING:
    import cv2 as cv2
else:
    cv2 = _Later("cv2")
