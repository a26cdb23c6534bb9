"""Inpainting: the region filled in from what is around it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from anonbench.core.libraries.later import opencv
from anonbench.core.registries.methods import Method


class Inpaint(Method):
    """What is around the region continued into it, by OpenCV.

    Nothing of the region itself has a part in it, nor of any other region that is hidden in the
    image: boxes of slanted regions and of ellipses count as a whole. What is around a region can
    tell a lot by itself, such as hair, a neck, the form's heading. The region's place and size can
    still be seen.
    """

    name: ClassVar = "inpaint"
    label: ClassVar = "Inpainting"
    line_colour: ClassVar = "#1B1F24"
    residue: ClassVar = "none"
    images_per_second: ClassVar = 5.0

    algorithm: Literal["telea", "navier_stokes"] = "telea"
    """Telea 2004 (fast marching) or Bertalmio, Bertozzi and Sapiro 2001."""
    radius: Annotated[int, Field(ge=1, le=32)] = 3
    """How far a pixel looks for known ones, in pixels."""

    def surroundings(self) -> int:
        """See `Method.surroundings`."""
        return self.radius + 2

    def hide(self, pixels: np.ndarray, entity: str) -> np.ndarray:
        """Return grey: without surroundings nothing is known."""
        return np.full_like(pixels, 128)

    def hide_among(self, pixels: np.ndarray, hidden: np.ndarray, entity: str) -> np.ndarray:
        """Fill in what is hidden; grey where nothing is known."""
        cv2 = opencv()
        if hidden.all():
            return self.hide(pixels, entity)
        known = pixels.copy()
        known[hidden] = np.rint(pixels[~hidden].mean(axis=0)).astype(np.uint8)
        # within its radius of a border, OpenCV reads pixels that it is to fill in: frame the image
        frame = self.surroundings()
        framed = cv2.copyMakeBorder(known, frame, frame, frame, frame, cv2.BORDER_REPLICATE)
        flags = np.pad(hidden.astype(np.uint8), frame)
        way = cv2.INPAINT_TELEA if self.algorithm == "telea" else cv2.INPAINT_NS
        filled = cv2.inpaint(framed, flags, self.radius, way)
        return np.asarray(filled[frame:-frame, frame:-frame])
