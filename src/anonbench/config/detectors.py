"""Settings of the detectors."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from anonbench.core.settings import Count, Fraction, Place, Positive, Settings, Share


class DetectorName(StrEnum):
    """The detectors that come with anonbench."""

    MTCNN = "mtcnn"
    FACE_ONNX = "face_onnx"
    PPOCR = "ppocr"
    ZXING = "zxing"
    MRZ = "mrz"
    TEMPLATE = "template"
    BOXES = "boxes"


class Mtcnn(Settings):
    """Faces by MTCNN (facenet-pytorch, weights in its wheel)."""

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


class FaceOnnx(Settings):
    """Faces by an ONNX model of one's own."""

    kind: Literal["scrfd", "yunet"] = "scrfd"
    """How the model's outputs are read: InsightFace's SCRFD or OpenCV's YuNet."""
    weights: Place | None = None
    """The model's ONNX file."""
    threshold: Fraction = 0.5
    """Score from which a face is kept."""
    overlap: Fraction = 0.4
    """Overlap (IoU) from which the lower of two scores is dropped."""
    limit_side_len: Count = 640
    """The image is scaled so that its longer side is this many pixels."""
    margin: Positive = 1.0
    """Factor by which each face's box is grown about its centre."""


class Ppocr(Settings):
    """Text lines by PaddleOCR's detector."""

    engine: Literal["direct", "paddleocr"] = "direct"
    """Run the ONNX model here, or by PaddleOCR: the same boxes, here in less time. PaddleOCR also
    takes models whose inference.yml asks for steps that are unknown here."""
    model: str = "PP-OCRv3_mobile_det"
    """Model name as PaddleOCR knows it. By their names alone are found, in the packages that bring
    them: PP-OCRv3_mobile_det (rapidocr_onnxruntime 1.2.13), PP-OCRv4_mobile_det (rapidocr 3.4.2),
    PP-OCRv6_small_det (rapidocr 3.10.0)."""
    weights: Place | None = None
    """Folder of the model's ONNX file, as PaddleOCR ships it (inference.onnx and inference.yml) or
    as rapidocr does. Without it: that of an installed package, else, with the engine paddleocr, its
    own download (which has no ONNX files of PP-OCRv3 and v4)."""
    limit_side_len: Count = 960
    """The image is scaled so that its longer side is at most this many pixels."""
    thresh: Fraction = 0.3
    """Probability from which a pixel is text."""
    box_thresh: Fraction = 0.6
    """Mean probability from which a box is kept."""
    unclip_ratio: Positive = 1.5
    """How far a box is grown beyond the text's core."""


class Zxing(Settings):
    """Barcodes by zxing-cpp."""

    try_harder: bool = True
    """Also let zxing look at versions turned by 90 degrees, inverted and downscaled."""
    scales: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1.0, 2.0)
    """Scales at which the upright image is searched."""
    rotations: tuple[Annotated[float, Field(gt=0.0, lt=90.0)], ...] = (30.0, 60.0)
    """Degrees by which the image is also turned, for slanted codes."""
    contrast: bool = True
    """Also search a version with its local contrast raised, for shadows, glare and dark photos."""
    undecoded: bool = True
    """Also keep codes whose check digits fail, with score 0.5 (but no DataMatrix, which text and
    hair are mistaken for)."""


class Mrz(Settings):
    """Machine-readable zones (ICAO 9303): found by reading, or else by the lines' even spacing.

    The lines are those of the detector ppocr with its settings.
    """

    weights: Place | None = None
    """PP-OCR's recognizer: its ONNX file, with its alphabet in the metadata (v3, v4 and v6 were
    tried), or a folder with inference.onnx. Without it: that of the wheel rapidocr_onnxruntime."""
    min_score: Fraction = 0.7
    """How much one line must look like a zone's: its characters, its fillers or dates."""
    margin: Annotated[float, Field(ge=0.0)] = 0.25
    """By how much a zone is grown on each side, in heights of a line."""
    morphology: bool = True
    """Where no line reads as a zone's: also look for two or three lines of equal length and even
    spacing."""


class Template(Settings):
    """Boxes of the most similar annotated template (Eberhardinger et al. 2025)."""

    mode: Literal["union", "fallback"] = "union"
    """Whether the data set's other detectors look at every image, or at those alone that no
    template fits. They see what a template does not know: a stamp, a note in the margin."""
    candidates: Count = 10
    """Templates, the most similar by embedding, that are tried on an image; some milliseconds each.
    """
    transformation: Literal["affine", "homography"] = "homography"
    """How a template is laid over an image. The paper's is affine: enough for scans; photographs
    taken aslant need a homography."""
    longest_side: Annotated[int, Field(ge=200)] = 1000
    """Images and templates are looked at with a longer side of at most this many pixels."""
    min_inliers: Annotated[int, Field(ge=8)] = 15
    """Matching features that must agree with a transformation for it to be accepted."""
    max_error: Positive = 2.0
    """Greatest median distance of those, in pixels at the size that is looked at."""
    scale: tuple[Positive, Positive] = (0.2, 5.0)
    """Least and greatest scale of a template in an image, at the sizes that are looked at."""
    min_agreement: Fraction = 0.75
    """Share of the template's cells (outside its boxes) in which the image must look the same."""


class Detection(Settings):
    """Settings of the detectors."""

    WITHOUT_EFFECT: ClassVar[frozenset[str]] = frozenset({"threads"})

    mtcnn: Mtcnn = Mtcnn()
    face_onnx: FaceOnnx = FaceOnnx()
    ppocr: Ppocr = Ppocr()
    zxing: Zxing = Zxing()
    mrz: Mrz = Mrz()
    template: Template = Template()
    max_pixels: Count = 180_000_000
    """Larger images are recorded and skipped, not opened (decompression bombs)."""
    device: Literal["auto", "cpu", "cuda"] = "cpu"
    """Where detectors that can use a GPU (mtcnn) run. auto: on one where there is one."""
    threads: Count = 1
    """CPU threads of a job, for reading and for ONNX Runtime (torch has one). More jobs side by
    side search more images a second than more threads."""
    reduced_decode: bool = False
    """Decode JPEG at a half, a quarter or an eighth of its size where the data set's detectors look
    at less than that (ppocr alone): a tenth faster at 4,000 pixels, and less memory. The boxes are
    as good but others: 9 of 10 agree with those at full size."""

    def part(self, detectors: Collection[DetectorName]) -> dict[str, Any]:
        """Return, as plain data, what these detectors' findings depend on."""
        fields = {field for name in detectors for field in _READ_BY.get(name, {str(name)})}
        if self.decoded_side(detectors) is not None:
            fields.add("reduced_decode")
        return self.model_dump(mode="json", include=fields)

    def paths(self, detectors: Collection[DetectorName]) -> list[Path]:
        """Return what these detectors' settings name: weights, as files or folders."""
        sections = self.part(detectors).keys() & {str(name) for name in DetectorName}
        values = [getattr(self, name).model_dump().values() for name in sorted(sections)]
        return [value for section in values for value in section if isinstance(value, Path)]

    def decoded_side(self, detectors: Collection[DetectorName]) -> int | None:
        """Return the pixels that an image's longer side has to keep; None: all there are."""
        if not self.reduced_decode or set(detectors) - {DetectorName.BOXES} != {DetectorName.PPOCR}:
            return None
        return self.ppocr.limit_side_len


_READ_BY: dict[DetectorName, set[str]] = {
    DetectorName.MTCNN: {"mtcnn", "device"},
    DetectorName.MRZ: {"mrz", "ppocr"},
    DetectorName.BOXES: set(),
}
"""Fields of `Detection` that a detector reads, where they are not the one of its name."""
