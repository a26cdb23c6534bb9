"""Faces by MTCNN (Zhang et al. 2016): facenet-pytorch's implementation, weights in its wheel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from anonbench.boxes import Region
from anonbench.compat import install_torchvision_ops
from anonbench.config.detectors import Mtcnn
from anonbench.detectors.base import as_rgb, clipped_box
from anonbench.vocabulary import Entity

install_torchvision_ops()  # before facenet-pytorch imports torchvision
from facenet_pytorch import MTCNN  # noqa: E402

MAX_PIXELS = 4_000_000
"""Pixels of the images in one call (or one larger image): the first network's activations take some
hundred bytes a pixel."""
PIECE = 16
"""Candidates in one pass of the second and third network."""


class MtcnnDetector:
    """All faces of each image, those of equal size together.

    The boxes are those of facenet-pytorch's call for a single image, but for the rounding of
    floating-point sums (below 0.001 pixels), and the same to the last bit in whatever batch.
    """

    def __init__(self, settings: Mtcnn) -> None:
        self._settings = settings
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self._mtcnn = MTCNN(
            min_face_size=settings.min_face_size,
            thresholds=list(settings.thresholds),
            factor=settings.factor,
            keep_all=True,
            select_largest=False,
            device=torch.device(device),
        )
        self._mtcnn.pnet = _InPieces(self._mtcnn.pnet, 1)
        self._mtcnn.rnet = _InPieces(self._mtcnn.rnet, PIECE)
        self._mtcnn.onet = _InPieces(self._mtcnn.onet, PIECE)

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        """See `Detector.detect`."""
        found: list[list[Region]] = [[] for _ in images]
        for indices in self._batches(images):
            stack = np.stack([as_rgb(images[index]) for index in indices])
            boxes, scores = self._mtcnn.detect(stack)
            for index, image_boxes, image_scores in zip(indices, boxes, scores, strict=True):
                if image_boxes is not None:  # facenet-pytorch's word for: no face
                    for box, score in zip(image_boxes, image_scores, strict=True):
                        found[index] += clipped_box(
                            Entity.FACE, box.astype(np.float64), score, images[index]
                        )
        return found

    def _batches(self, images: Sequence[np.ndarray]) -> Iterator[list[int]]:
        """Yield indices of images of equal size. One too small for any face is in no batch."""
        by_size: dict[tuple[int, ...], list[int]] = {}
        for index, image in enumerate(images):
            if min(image.shape[:2]) >= self._settings.min_face_size:
                by_size.setdefault(image.shape[:2], []).append(index)
        for (height, width), indices in by_size.items():
            step = max(1, min(self._settings.batch_size, MAX_PIXELS // (height * width)))
            for start in range(0, len(indices), step):
                yield indices[start : start + step]


class _InPieces(torch.nn.Module):
    """A network that sees batches of one size only, the last one filled up with zeros.

    The kernels, and with them the last bits, that torch chooses depend on the batch's size: so an
    image's boxes would depend on the images beside it.
    """

    def __init__(self, network: torch.nn.Module, size: int) -> None:
        super().__init__()
        self.network = network
        self.size = size

    def forward(self, batch: torch.Tensor) -> tuple[torch.Tensor, ...]:
        missing = -len(batch) % self.size
        if missing:
            batch = torch.cat([batch, batch.new_zeros(missing, *batch.shape[1:])])
        starts = range(0, len(batch), self.size)
        pieces = [self.network(batch[start : start + self.size]) for start in starts]
        return tuple(torch.cat(part)[: len(batch) - missing] for part in zip(*pieces, strict=True))
