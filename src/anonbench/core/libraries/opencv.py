"""OpenCV with one thread.

Some of its functions round differently with another number of threads, and by default it uses all
cores of the machine: equal input would then give other bytes on another machine. All modules import
it from here. More cores are used by running more jobs.
"""

from __future__ import annotations

import cv2 as cv2

cv2.setNumThreads(1)
