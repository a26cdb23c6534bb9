"""Input of a text detector, as its inference.yml asks: scaled and normalized by channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from anonbench.core.errors import InputError
from anonbench.core.libraries.opencv import cv2

STRIDE = 32
"""The network halves its input five times."""
# Steps that change nothing here: they belong to training or to how PaddleOCR passes data on.
_PASSED = {"DetLabelEncode", "KeepKeys", "ToCHWImage"}
_NEEDED = {"DecodeImage", "DetResizeForTest", "NormalizeImage", "ToCHWImage"}
# Ways of scaling that give way to the settings; others (a fixed shape) would not.
_RESIZE = {"resize_long", "limit_side_len", "limit_type", "max_side_limit"}
_POSTPROCESS = {
    "use_dilation": False,
    "score_mode": "fast",
    "box_type": "quad",
}
_THRESHOLDS = {"thresh", "box_thresh", "unclip_ratio"}
DEFAULT_CANDIDATES = 1000


@dataclass(frozen=True)
class Definition:
    """What the settings leave to a model's inference.yml."""

    planes: tuple[int, int, int]
    """Which channel of an RGB image each of the network's is."""
    factors: tuple[float, float, float]
    offsets: tuple[float, float, float]
    """Each of the network's channels is its pixels (0 … 255) times a factor plus an offset."""
    max_candidates: int
    """Contours that are looked at; further ones are left out."""


def read_definition(definition: Mapping[str, Any]) -> Definition:
    """Read a model's inference.yml.

    Raises:
        InputError: it asks for a step that the direct engine does not know.

    """
    steps = _steps(definition)
    decode = _options(steps, "DecodeImage")
    if decode.get("channel_first", False) or decode.get("img_mode") not in ("RGB", "BGR"):
        _refuse("DecodeImage", decode)
    resize = _options(steps, "DetResizeForTest")
    if not set(resize) <= _RESIZE:
        _refuse("DetResizeForTest", resize)
    factors, offsets = _normalization(_options(steps, "NormalizeImage"))
    return Definition(
        planes=(0, 1, 2) if decode["img_mode"] == "RGB" else (2, 1, 0),
        factors=factors,
        offsets=offsets,
        max_candidates=_candidates(definition.get("PostProcess")),
    )


def _steps(definition: Mapping[str, Any]) -> dict[str, Any]:
    listed = (definition.get("PreProcess") or {}).get("transform_ops") or []
    if not all(isinstance(step, dict) and len(step) == 1 for step in listed):
        _refuse("PreProcess", listed)
    steps = {name: options for step in listed for name, options in step.items()}
    if unknown := set(steps) - _PASSED - _NEEDED:
        _refuse("PreProcess", sorted(unknown))
    if missing := _NEEDED - set(steps):
        _refuse("PreProcess without", sorted(missing))
    return steps


def _options(steps: Mapping[str, Any], name: str) -> dict[str, Any]:
    options = steps[name] or {}
    return options if isinstance(options, dict) else _refuse(name, options)


def _normalization(
    options: Mapping[str, Any],
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    if not set(options) <= {"mean", "std", "scale", "order"}:
        _refuse("NormalizeImage", options)
    try:
        means = [float(value) for value in options["mean"]]
        deviations = [float(value) for value in options["std"]]
        scale = _number(options["scale"])
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        _refuse("NormalizeImage", options)
    order = options.get("order", "hwc")
    if order != "hwc" or not len(means) == len(deviations) == 3 or 0.0 in deviations:
        _refuse("NormalizeImage", options)
    return _three([scale / d for d in deviations]), _three(
        [-m / d for m, d in zip(means, deviations, strict=True)]
    )


def _number(value: object) -> float:
    """Return a number, or the ratio that a text like "1./255." is."""
    above, _, below = str(value).partition("/")
    return float(above) / float(below) if below else float(above)


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    first, second, third = values
    return first, second, third


def _candidates(options: object) -> int:
    if not isinstance(options, dict) or options.get("name") != "DBPostProcess":
        _refuse("PostProcess", options)
    known = {"name", "max_candidates"} | _THRESHOLDS | set(_POSTPROCESS)
    usual = all(options.get(name, value) == value for name, value in _POSTPROCESS.items())
    candidates = options.get("max_candidates", DEFAULT_CANDIDATES)
    if not usual or not set(options) <= known or not isinstance(candidates, int) or candidates < 1:
        _refuse("PostProcess", options)
    return candidates


def _refuse(part: str, found: object) -> NoReturn:
    raise InputError(
        f"detector ppocr: the model's inference.yml has {part} {found}, which the direct engine "
        f"does not know; set detection.ppocr.engine to paddleocr"
    )


def input_size(height: int, width: int, limit: int) -> tuple[int, int]:
    """Return the height and width at which an image is looked at: multiples of 32.

    The longer side is at most `limit`, rounded to the nearest multiple; nothing is enlarged but to
    reach one. Rounded in the same two steps as PaddleOCR does.
    """
    longer = max(height, width)
    ratio = limit / longer if longer > limit else 1.0
    rows, columns = (
        max(round(int(side * ratio) / STRIDE) * STRIDE, STRIDE) for side in (height, width)
    )
    return rows, columns


def to_input(image: np.ndarray, limit: int, definition: Definition) -> np.ndarray:
    """Return the network's input, float32 [1, 3, H, W].

    Args:
        image: uint8 [h, w] grey or [h, w, 3] RGB.
        limit: longest side of the result, in pixels.
        definition: of the model.

    """
    rows, columns = input_size(image.shape[0], image.shape[1], limit)
    if image.shape[:2] != (rows, columns):
        image = cv2.resize(image, (columns, rows))  # a grey image as one channel: same values
    result = np.empty((1, 3, rows, columns), np.float32)
    arithmetic = zip(
        result[0], definition.planes, definition.factors, definition.offsets, strict=True
    )
    for plane, channel, factor, offset in arithmetic:
        # product and sum are each rounded to 32 bits, as in PaddleOCR: equal bits, equal boxes
        np.multiply(image if image.ndim == 2 else image[:, :, channel], np.float32(factor), plane)
        plane += np.float32(offset)
    return result
