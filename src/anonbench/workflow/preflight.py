"""Check of files and names in a config that a stage would otherwise miss hours into a run."""

import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from anonbench.config import Config, Dataset, Layout
from anonbench.core.errors import InputError
from anonbench.core.provenance import model_files
from anonbench.core.registries.systems import adapter_files
from anonbench.core.wording import suggestion
from anonbench.detection.kinds.ppocr import Ppocr

_ONNX = b"\x08"  # first byte of an ONNX file: a protocol buffer, beginning with its version
_PICKLE = b"\x80"
_SHOWN = 80  # characters of another package's message


def require_files(config: Config) -> None:
    """Check weights and model names of everything enabled, and the files of true boxes.

    Raises:
        InputError: names the field and how to fix it.
    """
    used = {name for dataset in config.enabled.values() for name in dataset.detectors}
    for name, dataset in config.enabled.items():
        for setting in ("boxes", "corrections", "truth"):
            if (path := getattr(dataset, setting)) is not None:
                _require_file(path, f"datasets.{name}.{setting}")
        for program, folder in dataset.given.items():
            _require_given(dataset, folder, f"datasets.{name}.given.{program}")
    _require_detectors(config, used)
    asked = config.anonymization
    for name in asked.applied(*(str(m) for d in config.enabled.values() for m in d.methods)):
        for path in asked.method(name).files():
            if not path.exists():
                raise InputError(
                    f"anonymization.{name}: there is no key {path}: make one by `openssl rand "
                    f"-hex 32 > {path}`{_near(path)}"
                )
    if config.privacy.enabled and (recognizer := config.privacy.recognizer.weights) is not None:
        _require_onnx(recognizer, "privacy.recognizer")
    for name in sorted({str(d.system) for d in config.enabled.values() if d.system is not None}):
        for setting in (*type(config.systems[name]).file_fields, "adapter"):
            if (path := getattr(config.systems[name], setting, None)) is not None:
                for file in adapter_files(path) if setting == "adapter" else [path]:
                    _require_file(file, f"systems.{name}.{setting}")
                model_files(path)
        config.systems[name].require()
    for name in sorted({d.recipe for d in config.enabled.values() if d.is_trained}):
        backbone, field = config.recipes[name].backbone, f"recipes.{name}.backbone"
        if backbone.name is not None:
            from anonbench.training.model.timm_models import require_name

            require_name(backbone.name, f"{field}.name")
        if isinstance(backbone.pretrained, Path):
            _require_checkpoint(backbone.pretrained, f"{field}.pretrained")


def require_absolute(brought: Mapping[str, Any], place: str = "") -> None:
    """Raise an InputError if a path in parts of the config is relative.

    Args:
        brought: parts of the config, by their key path.
        place: key path of `brought` itself.
    """
    for name, value in brought.items():
        field = f"{place}.{name}" if place else name
        if isinstance(value, Mapping):
            require_absolute(value, field)
        elif isinstance(value, PurePath) and not value.is_absolute():
            raise InputError(
                f"{field}: {value} is relative, and with a storage for results each job reads it "
                "where it runs; give the absolute path of a volume that all of them mount"
            )


def _require_detectors(config: Config, used: set[str]) -> None:
    detection = config.detection
    if "face_onnx" in used:
        field, weights = "detection.face_onnx.weights", detection.face_onnx.weights
        if weights is None:
            raise InputError(f"{field}: is empty; give the ONNX file of an SCRFD model")
        _require_onnx(weights, field)
    if "mrz" in used and (weights := detection.mrz.weights) is not None:
        inside = weights / "inference.onnx" if weights.is_dir() else weights
        _require_onnx(inside, "detection.mrz.weights")
    lines, usual = detection.ppocr, Ppocr()
    second = [] if lines.second_model is None else [lines.second_model]
    other = second or (lines.model, lines.weights) != (usual.model, usual.weights)
    if other and used & {"ppocr", "mrz", "ink"}:
        from anonbench.detection.kinds.ppocr import find_models, missing_weights_hint

        if lines.weights is not None and not lines.weights.is_dir():
            what = "is no folder" if lines.weights.exists() else "there is no folder"
            raise InputError(
                f"detection.ppocr.weights: {what} {lines.weights}; "
                f"{missing_weights_hint(lines.models[0])}"
            )
        find_models(lines.models, lines.weights)
        find_models(second, None, "second_model")


def _require_given(dataset: Dataset, folder: Path, field: str) -> None:
    if not folder.is_dir():
        raise InputError(f"{field}: there is no folder {folder}{_near(folder)}")
    is_apart = not folder.resolve().is_relative_to(dataset.path.resolve())
    if not (is_apart or dataset.layout is Layout.TABLE):
        raise InputError(
            f"{field}: {folder} lies inside {dataset.path}, where its pictures count as originals; "
            "move it elsewhere"
        )


def _require_file(path: Path, field: str) -> None:
    if not path.is_file():
        what = f"{path} is no regular file" if path.exists() else f"there is no file {path}"
        what = f"{path} is a folder; give a file" if path.is_dir() else what
        raise InputError(f"{field}: {what}{'' if path.exists() else _near(path)}")


def _near(path: Path) -> str:
    try:
        names = [file.name for file in path.parent.iterdir()]
    except OSError:
        return f" (nor a folder {path.parent})"
    return suggestion(path.name, names)


def _head(path: Path, field: str) -> bytes:
    """First two bytes of a file."""
    _require_file(path, field)
    try:
        with path.open("rb") as file:
            return file.read(2)
    except OSError as error:
        raise InputError(f"{field}: {path} cannot be read ({error.strerror})") from None


def _require_onnx(path: Path, field: str) -> None:
    if _head(path, field)[:1] != _ONNX:
        raise InputError(f"{field}: {path} is no model in ONNX format")
    model_files(path)


def _require_checkpoint(path: Path, field: str) -> None:
    """Check a safetensors file, or else one of torch.save: a zip, in old files a pickle."""
    head = _head(path, field)
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="numpy"):
                pass
        except SafetensorError as error:
            reason = " ".join(str(error).split())[:_SHOWN]
            raise InputError(
                f"{field}: {path} is no whole safetensors file ({reason}); get it again"
            ) from None
    elif not zipfile.is_zipfile(path):
        if head == b"PK":
            raise InputError(f"{field}: {path} is not whole: its end is missing; get it again")
        if head[:1] != _PICKLE:
            raise InputError(
                f"{field}: {path} is neither a safetensors file (by its suffix) nor one of "
                "torch.save"
            )
