"""Weights of PP-OCR: location and check."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest

log = logging.getLogger(__name__)

WHEEL = "rapidocr_onnxruntime"
INSTALL = f"pip install --no-deps --force-reinstall {WHEEL}==1.2.13"
PACKAGES = (WHEEL, "rapidocr")
"""Packages that bring PP-OCR's networks as ONNX files, in their folder `models`."""
ONNX = "inference.onnx"


@dataclass(frozen=True)
class Published:
    """A text detector in a package: a file without its inference.yml."""

    files: tuple[str, ...]
    """Names that it goes by."""
    digest: str
    """SHA-256."""
    install: str | None
    """The command that installs it; None: in no package, but rapidocr downloads it on request."""


PUBLISHED = {
    "PP-OCRv3_mobile_det": Published(
        ("ch_PP-OCRv3_det_infer.onnx",),
        "3439588c030faea393a54515f51e983d8e155b19a2e8aba7891934c1cf0de526",
        INSTALL,
    ),
    "PP-OCRv4_mobile_det": Published(
        ("ch_PP-OCRv4_det_infer.onnx", "ch_PP-OCRv4_det_mobile.onnx"),
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
        "pip install --no-deps --force-reinstall rapidocr==3.4.2",
    ),
    "PP-OCRv5_mobile_det": Published(
        ("ch_PP-OCRv5_det_mobile.onnx",),
        "4d97c44a20d30a81aad087d6a396b08f786c4635742afc391f6621f5c6ae78ae",
        None,
    ),
    "PP-OCRv6_small_det": Published(
        ("PP-OCRv6_det_small.onnx",),
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
        "pip install --no-deps --force-reinstall rapidocr==3.10.0",
    ),
}
"""By PaddleOCR's name for the model. Of v5 the digest is the one that rapidocr 3.10.0 lists."""


def find_models(models: Sequence[str], folder: Path | None) -> list[Path]:
    """ONNX files of models, in a folder or, where there is none, in a package.

    Weights that are known are checked by their digest; others are logged with it.

    Raises:
        InputError: there are none, or a known file is damaged.

    """
    return [_found(model, folder) for model in models]


def _found(model: str, folder: Path | None) -> Path:
    onnx = packaged(model) if folder is None else _published_file([folder], model)
    if onnx is not None:
        return _checked(onnx, model)
    if folder is None:
        raise InputError(
            f"detection.ppocr.model: there are no ONNX weights of {model}; {where_to_put(model)}"
        )
    onnx = folder / ONNX
    if not onnx.is_file():
        known = PUBLISHED.get(model)
        raise InputError(
            f"detection.ppocr.weights: there is no {ONNX} in {folder}"
            f"{f' and no {known.files[0]}' if known else ''}; give the folder of the model {model} "
            f"in ONNX format"
        )
    log.info("%s from %s, SHA-256 %s", model, folder, file_digest(onnx))
    return onnx


def packaged(model: str) -> Path | None:
    """Return a model's ONNX file in the packages that are installed, or None."""
    specs = [importlib.util.find_spec(package) for package in PACKAGES]
    origins = [spec.origin for spec in specs if spec is not None and spec.origin is not None]
    return _published_file([Path(origin).parent / "models" for origin in origins], model)


def where_to_put(model: str) -> str:
    """Hint for a model whose weights are missing."""
    folder = f"set detection.ppocr.weights to the model's folder ({ONNX}"
    known = PUBLISHED.get(model)
    if known is None:
        return (
            f"{folder}), or detection.ppocr.model to one that is found by its name: "
            f"{', '.join(PUBLISHED)}"
        )
    folder += f", or {known.files[0]})"
    return folder if known.install is None else f"{folder} or {known.install}"


def _published_file(folders: Iterable[Path], model: str) -> Path | None:
    known = PUBLISHED.get(model)
    paths = [folder / name for folder in folders for name in known.files] if known else []
    return next((path for path in paths if path.is_file()), None)


def _checked(onnx: Path, model: str) -> Path:
    known = PUBLISHED[model]
    if file_digest(onnx) != known.digest:
        way_out = f"reinstall it: {known.install}" if known.install else "get it again"
        raise InputError(
            f"detector ppocr: {onnx} is damaged or of another version ({onnx.stat().st_size} "
            f"bytes, its SHA-256 is not {known.digest[:12]}…); {way_out}"
        )
    return onnx
