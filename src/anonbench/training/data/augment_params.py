"""Random numbers behind an image's crops and their augmentation.

All randomness of an image in an epoch is one table that depends on seed, epoch and image id alone,
so that it is the same for every adaption and any number of processes. Boxes and augmentations are
computed from such tables for a whole batch at once.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from anonbench.core.numeric.seeding import rng

ATTEMPTS = 10
"""Shapes that are tried until a crop's box fits into the image."""


class Draw(IntEnum):
    """Columns of a crop's uniform numbers."""

    AREA = 0
    ASPECT = AREA + ATTEMPTS
    LEFT = ASPECT + ATTEMPTS
    TOP = LEFT + 1
    FLIP = TOP + 1
    JITTER = FLIP + 1
    STRENGTH = JITTER + 1
    ORDER = STRENGTH + 4
    GREY = ORDER + 1
    BLUR = GREY + 1
    SIGMA = BLUR + 1
    SOLARIZE = SIGMA + 1


COLUMNS = Draw.SOLARIZE + 1


def crop_draws(seed: int, epoch: int, image_id: str, crops: int) -> np.ndarray:
    """Return float64 [crops, COLUMNS] in [0, 1): an image's draws in an epoch."""
    draws: np.ndarray = rng("crops", seed, epoch, image_id).random((crops, COLUMNS))
    return draws
