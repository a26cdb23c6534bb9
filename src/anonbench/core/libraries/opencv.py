"""OpenCV with one thread, loaded where it is first used: it takes a quarter of a second.

Some of its functions round differently with another number of threads: equal input would give other
bytes on another machine. All modules but the audit import it from here.
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
