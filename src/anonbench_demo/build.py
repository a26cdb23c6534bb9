"""Generation of a demo data set in its publisher's layout, with the truth beside it."""

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anonbench.config import Demo, DocumentsDemo, PortraitsDemo
from anonbench.core.boxes import box_table, write_boxes
from anonbench.core.errors import InputError
from anonbench.core.io import read_json, write_json
from anonbench.core.progress import track
from anonbench.core.vocabulary import Split
from anonbench_demo.listing import Drawing, Item, items

log = logging.getLogger(__name__)

VERSION = 3
"""To be raised with every change of the drawings: data of another version is drawn again."""
MARKER = "demo.json"
FORMATS: dict[str, dict[str, Any]] = {
    ".jpg": {"quality": 92, "subsampling": 0},
    ".tif": {"compression": "tiff_lzw"},
}


def generate(demo: Demo, path: Path, seed: int) -> None:
    """Draw a demo data set into the folder `path`.

    The folder appears whole or not at all. One that the same settings have made is kept as it is,
    and one that other settings have made is replaced.

    Raises:
        InputError: `path` exists and is no demo folder.
    """
    marker = {"demo": demo.model_dump(mode="json"), "seed": seed, "version": VERSION}
    if path.exists() and _made_by(path) == marker:
        log.info("the demo data is there already")
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # one name: a killed run's rest goes with the next
    scratch = path.with_name(f".{path.name}.part")
    shutil.rmtree(scratch, ignore_errors=True)
    folder = scratch / "data"
    folder.mkdir(parents=True)
    try:
        _write(demo, folder, seed)
        write_json(folder / MARKER, marker)
        if path.exists():
            path.rename(scratch / "old")
        folder.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _write(demo: Demo, folder: Path, seed: int) -> None:
    # imported here: each kind's module brings what the others do not need
    draw: Callable[[int, str, str], Drawing]
    if isinstance(demo, PortraitsDemo):
        from anonbench_demo import portraits

        draw = portraits.draw
    elif isinstance(demo, DocumentsDemo):
        from anonbench_demo import documents

        draw = documents.draw
    else:
        from anonbench_demo import ids

        draw = ids.draw
    wanted, truths = items(demo), {}
    for item in track(wanted, len(wanted), f"drawing {demo.kind}"):
        drawing, path = draw(seed, item.kind, item.key), folder / item.path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawing.image).save(path, **FORMATS[path.suffix])
        truths[item.id] = replace(drawing, image=np.empty(0))  # too many to be kept
    if isinstance(demo, PortraitsDemo):
        _write_celeba(folder, wanted, [truths[item.id].labels for item in wanted])
    elif isinstance(demo, DocumentsDemo):
        (folder / "labels").mkdir()
        for split in ("train", "val", "test"):  # of which the demo has no test images
            rows = [f"{item.id}.tif {item.number}" for item in wanted if item.split == split]
            _lines(folder / f"labels/{split}.txt", rows)
    (folder / "truth").mkdir()
    regions = {image: truth.regions for image, truth in truths.items()}
    write_boxes(box_table(regions, seed), folder / "truth/boxes.parquet")


def _made_by(path: Path) -> Any:
    """Marker of a demo folder, None for an empty folder."""
    if path.is_dir() and not any(path.iterdir()):
        return None
    try:
        marker = read_json(path / MARKER)
    except (OSError, ValueError):
        marker = None
    if not isinstance(marker, dict) or marker.keys() != {"demo", "seed", "version"}:
        raise InputError(
            f"{path} exists and is no demo data (it has no valid {MARKER}): it is left as it is; "
            "give the demo data set another `path`, or take out `demo` to use what is there"
        )
    return marker


def _write_celeba(
    folder: Path, wanted: Sequence[Item], labels: Sequence[Mapping[str, bool]]
) -> None:
    names = [Path(item.path).name for item in wanted]
    attributes = [
        f"{name} " + " ".join(f"{1 if value else -1:2}" for value in own.values())
        for name, own in zip(names, labels, strict=True)
    ]
    _lines(folder / "list_attr_celeba.txt", [str(len(wanted)), " ".join(labels[0]), *attributes])
    columns = {
        "list_eval_partition": [int(item.split is Split.VAL) for item in wanted],
        "identity_CelebA": [item.number for item in wanted],
    }
    for stem, numbers in columns.items():
        rows = [f"{name} {number}" for name, number in zip(names, numbers, strict=True)]
        _lines(folder / f"{stem}.txt", rows)


def _lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
