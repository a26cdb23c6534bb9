"""OpenCV with one thread.

Some of its functions round differently with another number of threads, and by itself it takes as
many as the machine has cores: the same input would give other bytes on another machine. All modules
import it from here. More cores are used by more jobs.
"""

from __future__ import annotations

import cv2 as cv2

cv2.setNumThreads(1)
