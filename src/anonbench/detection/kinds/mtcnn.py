"""Faces by MTCNN (Zhang et al. 2016), as facenet-pytorch runs it."""

from typing import Any, ClassVar

import numpy as np

from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Count, Fraction, Positive
from anonbench.core.vocabulary import Entity
from anonbench.detection import base
from anonbench.detection.views import Reach, Views

_FIELD = 12.0  # side, in pixels of the least scale, of what its first network looks at
_BYTES_A_PIXEL = 120  # of memory, of an image searched in one piece: 1.4 GB at 12 megapixels


class Mtcnn(DetectorKind):
    """Upright faces by MTCNN (facenet-pytorch, weights in its wheel)."""

    name: ClassVar = "mtcnn"
    label: ClassVar = "MTCNN"
    entities: ClassVar = (Entity.FACE,)
    reads: ClassVar = ("device", "speed")
    install: ClassVar = "pip install --no-deps facenet-pytorch==2.6.0"
    seconds_an_image: ClassVar = (0.03, 0.3)
    # 2,820 were seen
    memory_mb: ClassVar = 3_500

    thresholds: tuple[Fraction, Fraction, Fraction] = (0.6, 0.7, 0.7)
    """Score thresholds of the three networks."""
    min_face_size: Count = 20  # Side of the smallest face, in pixels.
    margin: Positive = 1.0  # Factor by which each face's box is enlarged about its centre.

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        detector: Detector = MtcnnDetector(self, loading.detection.device)
        if loading.detection.speed != "single":
            # it has its own pyramid: tiles bound the memory, and the next scale has what they cut.
            # Upright: four turns take five times as long, and CenterFace finds more turned faces
            detector = Views(detector, Reach(whole=1448, tile=1024, overlap=96))
        return base.Grown(detector, self.margin)


class MtcnnDetector(base.PerImage):
    """All faces of each image: facenet-pytorch's boxes for single images.

    In a batch, rounding would make boxes depend on the other images.
    """

    def __init__(self, settings: Mtcnn, device_name: str = "cpu") -> None:
        """Load the networks on a device (auto, cpu or cuda); InputError for cuda without a GPU."""
        import torch

        from anonbench.core.libraries.compat import install_torchvision_ops

        install_torchvision_ops()
        from facenet_pytorch import MTCNN

        if device_name == "cuda" and not torch.cuda.is_available():
            raise InputError(
                "detection.device is cuda, but torch finds no GPU: set it to auto or cpu"
            )
        # with another number, sums and boxes round differently
        torch.set_num_threads(1)
        self._least = settings.min_face_size
        on_gpu = device_name != "cpu" and torch.cuda.is_available()
        self._model = MTCNN(
            min_face_size=settings.min_face_size,
            thresholds=list(settings.thresholds),
            select_largest=False,
            device=torch.device("cuda" if on_gpu else "cpu"),
        )
        for network in (self._model.pnet, self._model.rnet, self._model.onet):
            network.register_forward_hook(_require_numbers)

    def _search(self, image: np.ndarray) -> list[Region]:
        import torch

        if min(image.shape[:2]) * (_FIELD / self._least) < _FIELD:  # it fails without a scale
            return []
        base.require_memory(image, _BYTES_A_PIXEL)
        # otherwise a GPU may use 10 bits of precision for float32
        with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
            boxes, scores = self._model.detect(base.as_rgb(image))
        if boxes is None:
            return []
        return base.clipped(Entity.FACE, boxes.astype(np.float64), scores, image)


def _require_numbers(_network: Any, _inputs: Any, outputs: Any) -> None:
    base.require_finite(*(output.cpu().numpy() for output in outputs))
