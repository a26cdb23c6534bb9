"""Eyes, nose and mouth of faces that were found before, by MTCNN's last network.

Zhang et al. 2016 ("Joint face detection and alignment using multitask cascaded convolutional
networks"). It needs the face's box alone, whatever detector gave it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch

from anonbench.core.boxes import Region
from anonbench.detection.base import as_rgb
from anonbench.detection.faces.mtcnn_networks import LandmarkNetwork
from anonbench.detection.faces.windows import WindowMeans


class Landmarks:
    """Finds five points of each face, on the CPU."""

    def __init__(self) -> None:
        """Load the network.

        Raises:
            ImportError: facenet-pytorch, whose wheel has the weights, is not installed.

        """
        self._network = LandmarkNetwork(torch.device("cpu"))

    def find(self, image: np.ndarray, faces: Sequence[Region]) -> np.ndarray:
        """Return the points of faces, float64 [N, 5, 2]: x and y in pixels of the image.

        They are those of the eyes (the one on the left of the picture first), the nose and the
        corners of the mouth. The network gives points to whatever it is shown.

        Args:
            image: uint8 [H, W] or [H, W, 3] RGB, the original.
            faces: boxes that reach into the image.

        """
        if not faces:
            return np.empty((0, 5, 2))
        squares = np.array([_square(face, *image.shape[:2]) for face in faces])
        seen = [as_rgb(image[y0:y1, x0:x1]) for x0, y0, x1, y1 in squares]
        whole = np.array([(0, 0, each.shape[1], each.shape[0]) for each in seen])
        crops = WindowMeans(seen).crops(np.arange(len(faces)), whole, self._network.side)
        with _one_thread():
            shares = self._network(crops).astype(np.float64)
        corners, sides = squares[:, None, :2], squares[:, None, 2:] - squares[:, None, :2]
        return np.asarray(corners + shares * sides)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute with one thread: with another number, sums round differently."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _square(face: Region, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the square about a face's box, as far as the image reaches: x0, y0, x1, y1."""
    half = max(face.x1 - face.x0, face.y1 - face.y0) / 2
    x, y = (face.x0 + face.x1) / 2, (face.y0 + face.y1) / 2
    x0, y0 = (int(max(np.floor(centre - half), 0)) for centre in (x, y))
    x1 = int(min(np.ceil(x + half), width))
    y1 = int(min(np.ceil(y + half), height))
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)
