"""Faces by MTCNN (Zhang et al. 2016)."""

from __future__ import annotations

from typing import ClassVar

from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Count, Fraction, Positive, Share
from anonbench.core.vocabulary import Entity


class Mtcnn(DetectorKind):
    """Faces by MTCNN (facenet-pytorch, weights in its wheel)."""

    name: ClassVar = "mtcnn"
    label: ClassVar = "MTCNN"
    entities: ClassVar = (Entity.FACE,)
    reads: ClassVar = ("device",)
    score_threshold: ClassVar = "thresholds"
    install: ClassVar = "pip install --no-deps facenet-pytorch==2.6.0"
    # 69 aligned and 10 to 15 wild images of CelebA were seen on a core
    images_per_second: ClassVar = 10.0
    # 2,820 were seen
    memory_mb: ClassVar = 3_500

    thresholds: tuple[Fraction, Fraction, Fraction] = (0.6, 0.7, 0.7)
    """Score thresholds of the three networks."""
    min_face_size: Count = 20
    """Smallest face, in pixels."""
    factor: Share = 0.709
    """Scale step of the image pyramid."""
    margin: Positive = 1.0
    """Factor by which each face's box is grown about its centre."""
    batch_size: Count = 32
    """Images, of any sizes, that are looked at together; the boxes do not depend on it."""

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        import torch

        from anonbench.detection.faces.faces import Grown
        from anonbench.detection.faces.mtcnn import MtcnnDetector

        # with another number, sums round differently, and the boxes with them
        torch.set_num_threads(1)
        return Grown(MtcnnDetector(self, loading.detection.device), self.margin)
