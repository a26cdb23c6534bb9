"""Recognition of single text lines by PP-OCR, to decide what they are.

The text is personal data: it is never logged, stored or put into an error's message.
"""

import importlib.util
from pathlib import Path

import numpy as np

from anonbench.core.boxes import Region, rectangle
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.provenance import file_digest
from anonbench.detection.base import corners_of, require_finite

WHEEL = "rapidocr_onnxruntime"
INSTALL = f"pip install --no-deps --force-reinstall {WHEEL}==1.2.13"
WHEEL_FILE = "models/ch_PP-OCRv3_rec_infer.onnx"
_WHEEL_SHA256 = "897a3ededb38fee0dae2c1ccee38241f37df202c9509e3abca02e9217c5ee615"
HEIGHT = 48  # height in pixels of a line in the network's input
WIDEST = 60 * HEIGHT


class LineReader:
    """A text recognizer with connectionist temporal classification (Graves et al. 2006)."""

    def __init__(self, weights: Path | None = None, threads: int = 1) -> None:
        """Load an ONNX file, or a folder's inference.onnx, or the wheel's; else InputError."""
        from anonbench.core.libraries.onnx import cpu_session

        path = _found(weights)
        try:
            self._session = cpu_session(path, threads)
            alphabet = self._session.get_modelmeta().custom_metadata_map["character"]
        except Exception as error:  # ONNX Runtime has some twenty kinds
            raise InputError(
                f"detection.mrz.weights: {path} is no text recognizer of PP-OCR in ONNX format, "
                f"with its alphabet in the metadata ({type(error).__name__})"
            ) from error
        self._input = self._session.get_inputs()[0].name
        self._characters = ["", *alphabet.splitlines(), " "]

    def read(self, image: np.ndarray, corners: np.ndarray, start: float = 1.0) -> str:
        """The text inside a quadrilateral; see `read_surely`."""
        return self.read_surely(image, corners, start)[0]

    def read_surely(
        self, image: np.ndarray, corners: np.ndarray, start: float = 1.0
    ) -> tuple[str, float]:
        """The text inside a quadrilateral, and the mean probability of its characters.

        Args:
            image: uint8 [H, W, 3] RGB.
            corners: float [4, 2], x and y of top left, top right, bottom right, bottom left.
            start: the share of the line, from its start, that is read.

        Raises:
            UnreadableImage: see `require_finite`.
        """
        line = straightened(image, corners, HEIGHT, start)
        scaled = line[:, :, ::-1].astype(np.float32) / 127.5 - 1.0
        ((scores,),) = self._session.run(None, {self._input: scaled.transpose(2, 0, 1)[None]})
        require_finite(scores)
        best = scores.argmax(axis=1)  # of [T, characters], the first of which is none
        new = (np.diff(best, prepend=-1) != 0) & (best != 0)
        text = "".join(self._characters[index] for index in best[new])
        return text, float(scores.max(axis=1)[new].mean()) if text else 0.0


def ways_to_read(region: Region) -> list[np.ndarray]:
    """Corners of a line of text, float [4, 2], in each order in which it may be read.

    A horizontal line is read as it is; a vertical one, upwards and downwards.
    """
    corners = corners_of(region)
    across, down = (np.hypot(*(corners[end] - corners[0])) for end in (1, 3))
    return [np.roll(corners, turn, axis=0) for turn in ((1, -1) if down > 1.5 * across else (0,))]


def straightened(
    image: np.ndarray, corners: np.ndarray, height: int, start: float = 1.0
) -> np.ndarray:
    """The inside of a quadrilateral (float [4, 2], from top left clockwise), upright.

    The image is uint8 [H, W] or [H, W, 3]. The width keeps the proportions; a share of it, from the
    `start`, is returned.
    """
    top, right, bottom, left = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    ratio = max(top, bottom) / max(right, left, 1e-6)
    width = int(np.clip(round(height * ratio), 1, WIDEST))
    target = rectangle(0, 0, width, height).astype(np.float32)
    # the transformation takes pixels' middles as their positions
    transform = cv2.getPerspectiveTransform(corners.astype(np.float32) - 0.5, target - 0.5)
    size, how = (max(1, round(start * width)), height), cv2.INTER_CUBIC
    border = cv2.BORDER_REPLICATE
    return np.asarray(cv2.warpPerspective(image, transform, size, flags=how, borderMode=border))


def _found(weights: Path | None) -> Path:
    if weights is not None:
        path = weights / "inference.onnx" if weights.is_dir() else weights
        if not path.is_file():
            raise InputError(f"detection.mrz.weights: there is no file {path}")
        return path
    spec = importlib.util.find_spec(WHEEL)
    path = Path(spec.origin).parent / WHEEL_FILE if spec and spec.origin else Path()
    if not path.is_file():
        raise InputError(
            "detector mrz needs a text recognizer: set detection.mrz.weights to PP-OCRv3's "
            f"ONNX file, or {INSTALL}"
        )
    if file_digest(path) != _WHEEL_SHA256:
        raise InputError(
            f"detector mrz: {path} is damaged or of another version; reinstall it: {INSTALL}"
        )
    return path
