"""OpenCV with one thread, loaded where it is first used.

Some of its functions round differently with another number of threads, and by default it uses all
cores of the machine: equal input would then give other bytes on another machine. All modules but
the audit import it from here. More cores are used by running more jobs. Loading takes a quarter of
a second, which commands that read no image do without.
"""

import os
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

os.environ["OPENCV_FOR_THREADS_NUM"] = "1"  # for the audit, which imports OpenCV itself


@cache
def _loaded() -> ModuleType:
    import cv2

    cv2.setNumThreads(1)  # if a user's code has used it before
    return cv2


class _LazyModule(ModuleType):
    """A module whose names are looked up in OpenCV."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(_loaded(), name)
        setattr(self, name, found)
        return found


if TYPE_CHECKING:
    import cv2 as cv2
else:
    cv2 = _LazyModule("cv2")
