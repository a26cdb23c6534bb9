"""Inpainting: the region filled in from what is around it."""

from typing import ClassVar

import numpy as np

from anonbench.anonymization.audit.visibility import near
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.methods import Method, RegionWindow

RADIUS = 3  # of the known neighbourhood that a pixel is computed from, in pixels
_UNKNOWN = 128  # grey, where nothing is known


class Inpaint(Method):
    """The region filled from its surroundings, by OpenCV (Telea 2004, fast marching).

    The result does not depend on the region's pixels, or on those of any other hidden region of the
    image. Of slanted regions and ellipses, the whole boxes count as hidden. The surroundings, such
    as hair, a neck or a form's heading, can reveal a lot. The region's place and size stay visible.
    """

    name: ClassVar = "inpaint"
    label: ClassVar = "Inpainting"
    line_colour: ClassVar = "#1B1F24"
    information_left: ClassVar = "none"
    seconds_an_image: ClassVar = (0.002, 0.4)
    surroundings: ClassVar = RADIUS + 2

    def hide_among(self, pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """Fill in what is hidden; grey where nothing is known."""
        if hidden.all():
            return np.full_like(pixels, _UNKNOWN)
        flags = hidden.view(np.uint8)
        known = cv2.copyTo(pixels, 1 - flags)  # black where it is hidden
        count = hidden.size - cv2.countNonZero(flags)
        mean = np.rint(np.array(cv2.sumElems(known)) / count)[: pixels[0, 0].size]
        cv2.copyTo(np.full(pixels.shape, mean, np.uint8), flags, known)
        # within its radius of a border, OpenCV reads pixels that it is to fill in: frame the image
        width = self.surroundings
        frame = (width,) * 4
        framed = cv2.copyMakeBorder(known, *frame, cv2.BORDER_REPLICATE)
        around = cv2.copyMakeBorder(flags, *frame, cv2.BORDER_CONSTANT)
        filled = cv2.inpaint(framed, around, RADIUS, cv2.INPAINT_TELEA)
        return np.asarray(filled[width:-width, width:-width])

    def is_hidden_in(self, inside: RegionWindow) -> np.ndarray:
        """See `Method.is_hidden_in`: the same comes of any other hidden pixels.

        They are the original's negative, which differs wherever possible.
        """
        hidden, planes = inside.hidden, inside.original
        if hidden.all():
            return near(inside.written, [np.float32(128)] * len(planes))
        usual = np.rint(planes[:, ~hidden].mean(axis=1, dtype=np.float64)).astype(np.uint8)
        frame = ((0, 0), (5, 5), (5, 5))
        # an image framed by what is known, or by its mean
        image = np.pad(np.where(hidden, usual[:, None, None], planes), frame, mode="edge")
        flags = np.pad(hidden, 5)
        image = cv2.merge([*np.where(flags, np.pad(~planes, frame), image)])
        filled = cv2.inpaint(image, flags.astype(np.uint8) * 255, 3.0, cv2.INPAINT_TELEA)
        return near(inside.written, cv2.split(filled[5:-5, 5:-5]))
