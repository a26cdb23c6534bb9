"""Eyes, nose and mouth of faces in originals, used to align the crops of all variants.

They are found by MTCNN's last network (Zhang et al. 2016, "Joint face detection and alignment using
multitask cascaded convolutional networks"), for a face's box of any detector.

An attacker who has the original knows where the face is, and the hidden face is at the same place.
The points of the original are therefore used for every variant.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from anonbench.anonymization.geometry import cover
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.detection.base import as_rgb
from anonbench.evaluation.privacy.crops import Points, Readable

NEEDS = (
    "privacy.recognizer: eyes, nose and mouth are found by MTCNN, which is not there: "
    "pip install --no-deps facenet-pytorch==2.6.0, or set privacy.recognizer.aligned to false"
)

_SIDE = 48
"""Of the squares that the network sees, in pixels."""


class Landmarks:
    """Network that finds eyes, nose and mouth of faces, on the CPU."""

    def __init__(self) -> None:
        """Load the network.

        Raises:
            ImportError: facenet-pytorch is not installed.

        """
        from anonbench.core.libraries.compat import install_torchvision_ops

        install_torchvision_ops()
        from facenet_pytorch import ONet

        self._network: Any = ONet().eval()

    def find(self, image: np.ndarray, faces: Sequence[Region]) -> np.ndarray:
        """Points of faces, float64 [N, 5, 2]: x and y in pixels of the image.

        The order is: eyes (the left one in the picture first), nose, corners of the mouth. The
        network returns points for any input, even without a face.

        Args:
            image: uint8 [H, W] or [H, W, 3] RGB, the original.
            faces: boxes that reach into the image.

        """
        return np.array([self._points(image, face) for face in faces]).reshape(-1, 5, 2)

    def _points(self, image: np.ndarray, face: Region) -> np.ndarray:
        import torch

        x0, y0, x1, y1 = _square(face, *image.shape[:2])
        crop = as_rgb(image[y0:y1, x0:x1])
        seen = cv2.resize(crop, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
        pixels = (seen.transpose(2, 0, 1)[None].astype(np.float32) - 127.5) / 128
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # other numbers of threads round sums differently
        try:
            with torch.inference_mode():
                shares = self._network(torch.from_numpy(pixels))[1].numpy()
        finally:
            torch.set_num_threads(threads)
        points: np.ndarray = shares.reshape(2, 5).T.astype(np.float64)
        return points * (x1 - x0, y1 - y0) + (x0, y0)


def _square(face: Region, height: int, width: int) -> tuple[int, int, int, int]:
    """Square about a face's box, as far as the image reaches: x0, y0, x1, y1."""
    half = max(face.x1 - face.x0, face.y1 - face.y0) / 2
    x, y = (face.x0 + face.x1) / 2, (face.y0 + face.y1) / 2
    x0, y0 = (int(max(np.floor(centre - half), 0)) for centre in (x, y))
    x1 = int(min(np.ceil(x + half), width))
    y1 = int(min(np.ceil(y + half), height))
    return x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)


def find_points(
    originals: Readable, regions: Mapping[str, Sequence[Region]], wanted: pd.DataFrame
) -> Points:
    """Find eyes, nose and mouth of faces, by image and place in the draw order.

    Args:
        originals: the images.
        regions: their regions in draw order.
        wanted: columns id, order and context; rows without a face, outside the image, or with
            surroundings only are left out.

    Raises:
        InputError: MTCNN is not installed.

    """
    try:
        landmarks = Landmarks()
    except ImportError as error:
        raise InputError(NEEDS) from error
    found: dict[tuple[str, int], np.ndarray] = {}
    of_faces = wanted[wanted["context"] == 0]
    for name, orders in of_faces.groupby("id", sort=False)["order"]:
        image_id = str(name)
        faces = {
            order: regions[image_id][order]
            for order in sorted(set(orders.tolist()))
            if regions[image_id][order].entity is Entity.FACE
        }
        if not faces:
            continue
        image = originals.read(image_id)
        there = {order: face for order, face in faces.items() if cover(face, image.shape)}
        points = landmarks.find(image, list(there.values()))
        found |= {(image_id, order): each for order, each in zip(there, points, strict=True)}
    return found
