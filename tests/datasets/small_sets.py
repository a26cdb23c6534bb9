"""Settings, files and manifests of small data sets."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from anonbench.config import Dataset
from anonbench.datasets.manifest import write_manifest


def dataset(layout: str, path: Path, **settings: Any) -> Dataset:
    """Return a data set's settings; `split` is a plain mapping or "official"."""
    values = {"layout": layout, "path": path, "detectors": ["mtcnn"], **settings}
    return Dataset.model_validate(values)


def as_json(folder: Path, data: Any) -> Path:
    path = folder / "boxes.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def coco(*annotations: dict[str, Any], **image: Any) -> dict[str, Any]:
    """Return a COCO file of an image a.jpg, of which more may be said, and its annotations."""
    base = {"id": 1, "image_id": 7, "category_id": 3}
    return {
        "images": [{"id": 7, "file_name": "a.jpg"} | image],
        "categories": [{"id": 3, "name": "Face"}, {"id": 4, "name": "tree"}],
        "annotations": [base | annotation for annotation in annotations],
    }


def draw(path: Path, value: int = 0, size: tuple[int, int] = (4, 3)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, value).save(path)


def touch(root: Path, *paths: str, data: bytes = b"") -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def written(
    settings: Dataset, out: Path, max_pixels: int = 10**6
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Write a manifest; return it, what was skipped, copies and conversions."""
    files = [out / name for name in ("m.parquet", "s/m.csv", "copies.csv", "converted.csv")]
    write_manifest("d", settings, max_pixels, 0, *files)
    skipped, copies, converted = (pd.read_csv(file, keep_default_na=False) for file in files[1:])
    return pd.read_parquet(files[0]), skipped, copies, converted
