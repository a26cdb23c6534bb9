"""The smallest experiment that has every stage: sixteen drawn codes, three steps of training."""

from pathlib import Path
from typing import Any

from PIL import Image

from anonbench.workflow.results_folder import MARK
from image_files import qr

TARGETS = (
    "archive_boxes",
    "archive_images",
    "table_retrieval_archive_100",
    "table_downstream_archive_100",
    "figure_trend_archive_map_original",
    "figure_correlation_archive_100",
)
"""What is made of it: every stage up to tables and figures, in some 30 jobs."""


def draw(folder: Path, images: int = 16, place: str = "images") -> None:
    """Write images of codes to a place in a folder, in splits and classes."""
    for number in range(images):
        split, name = ("train", "val")[number % 2], ("left", "right")[number // 2 % 2]
        pixels = qr(f"{split} {name} {number}", margin=(16, 16 + number))
        path = folder / place / split / name / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def config() -> dict[str, Any]:
    archive = {"layout": "folder", "path": "images", "label": "class", "detectors": ["zxing"]}
    archive |= {"degrees": [100], "methods": ["mask"], "adaptions": ["A"], "recipe": "tiny"}
    tiny = {
        "backbone": {"width": 16, "depth": 1, "heads": 1, "patch": 8, "init": "xavier"},
        "crops": {"global_size": 32, "local_size": 16, "local_count": 1},
        "heads": {"hidden": 16, "bottleneck": 8, "prototypes": 16},
        "optimizer": {"steps": 3, "batch_size": 4},
        "device": "cpu",
        "scratch": True,
        "log_every": 1,
        "tensorboard": False,
        "checkpoint_minutes": 1e-6,
    }
    return {
        "title": "archive",
        "datasets": {"archive": archive},
        "recipes": {"tiny": tiny},
        "detection": {"speed": "single"},
        "retrieval": {"fraction": 0.3},
        "downstream": {"k": 2},
        "presentation": {"bootstrap": 20},
    }


def results_of(folder: Path) -> dict[str, bytes]:
    """Return all results by path; not what tells of a run, nor what holds files' times."""
    results = folder / "results"
    paths = (path.relative_to(results) for path in sorted(results.rglob("*")))
    return {
        str(path): (results / path).read_bytes()
        for path in paths
        if (results / path).is_file()
        and path.parts[0] not in ("benchmarks", "logs", ".snakemake")
        and path.name != MARK
        and path.parent.name != ".checksums"
    }
