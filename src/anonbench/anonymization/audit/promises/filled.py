"""Promise of inpainting: what is hidden has no part in it."""

from __future__ import annotations

import cv2
import numpy as np

from anonbench.anonymization.audit.errors import Failure
from anonbench.anonymization.audit.promises.inside import Inside, Promise
from anonbench.config import Anonymization


class FilledIn(Promise):
    """Inpainting: the same comes out of an image in which all that is hidden shows something else.

    The negative of what was there, to be sure that it differs wherever it can.
    """

    def least(self, settings: Anonymization) -> int:
        """Return 1."""
        return 1

    def around(self, settings: Anonymization) -> int:
        """Return the reach of the algorithm, with its border."""
        radius: int = settings.inpaint.radius
        return radius + 2

    def kept(self, inside: Inside, settings: Anonymization) -> np.ndarray:
        """Fill in the other image, and compare."""
        if inside.hidden is None:
            raise Failure("it is not known what else is hidden around a region")
        if inside.hidden.all():
            return np.asarray((inside.written == 128).all(axis=0))
        hidden, planes = inside.hidden, inside.original
        seen = planes[:, ~hidden].sum(axis=1, dtype=np.int64) / np.count_nonzero(~hidden)
        usual = np.rint(seen).astype(np.uint8)[:, None, None]
        ways = {"telea": cv2.INPAINT_TELEA, "navier_stokes": cv2.INPAINT_NS}
        asked, width = settings.inpaint, self.around(settings)
        frame = ((0, 0), (width, width), (width, width))
        # an image with a frame of what is known, or of its mean; behind it, the negative
        image = np.pad(np.where(hidden, usual, planes), frame, mode="edge")
        flags = np.pad(hidden, width)
        image = np.where(flags, np.pad(~planes, frame), image)
        filled = cv2.inpaint(
            np.ascontiguousarray(image.transpose(1, 2, 0)),
            flags.astype(np.uint8) * 255,
            float(asked.radius),
            ways[asked.algorithm],
        )
        shown = filled.reshape(*flags.shape, -1).transpose(2, 0, 1)
        shown = shown[:, width:-width, width:-width]
        return np.asarray((inside.written == shown).all(axis=0))
