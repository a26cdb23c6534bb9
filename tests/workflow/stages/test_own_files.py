"""A user's own boxes and corrections, and images added later: only what is new is searched."""

import io
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anonbench.core.boxes import read_boxes
from image_files import qr

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

HEADER = "path,entity,x0,y0,x1,y1\n"


def write_code(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(qr(text, scale=4, margin=20)).save(path)


def entities(folder: Path) -> dict[str, list[str]]:
    boxes = read_boxes(folder / "results/archive/boxes.parquet")
    return {str(name): sorted(rows["entity"]) for name, rows in boxes.groupby("id")}


def searched_before(folder: Path) -> list[str]:
    logs = sorted((folder / "results/logs/detect/archive").rglob("*.log"))
    lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()]
    return [line.split(": ")[1] for line in lines if "were searched before" in line]


def test_own_files_and_new_images_search_nothing_again(output_of: Any, tmp_path: Path) -> None:
    for split in ("train", "val"):
        for number in range(3):
            write_code(tmp_path / f"images/{split}/{number}.png", f"{split} {number}")
    (tmp_path / "own.csv").write_text(HEADER + "train/0.png,text,1,2,30,12\n", encoding="utf-8")
    corrections = tmp_path / "corrections.csv"
    corrections.write_text(
        HEADER.replace("path", "path,action") + "val/1.png,add,face,1,2,30,12\n", encoding="utf-8"
    )
    archive = {"layout": "folder", "path": "images", "detectors": ["zxing", "boxes"]}
    archive |= {"boxes": "own.csv", "corrections": "corrections.csv", "recipe": "any"}
    config = {
        "datasets": {"archive": archive},
        "recipes": {"any": {}},
        "detection": {"speed": "single"},
    }

    def run(*arguments: str) -> str:
        return str(output_of(tmp_path, config, "--cores", "1", "archive_boxes", *arguments))

    told = run()
    assert "NOTHING FOUND in the first 3 images by boxes" in told  # none of val's
    assert searched_before(tmp_path) == ["0 of 3 images were searched before"] * 2
    every = {f"{split}/{number}": ["barcode"] for split in ("train", "val") for number in range(3)}
    found = every | {"train/0": ["barcode", "text"], "val/1": ["barcode", "face"]}
    assert entities(tmp_path) == found

    with corrections.open("a", encoding="utf-8") as file:
        file.write("val/2.png,remove,barcode,,,,\n")
    run()
    assert searched_before(tmp_path) == ["3 of 3 images were searched before"] * 2
    del found["val/2"]
    assert entities(tmp_path) == found
    record = tmp_path / "corrections.review.csv"  # of another image, and of one without corrections
    looks = [
        f"{name},{'0' * 64},,1,0,0,{removed}" for name, removed in (("val/2", 1), ("val/0", 0))
    ]
    header = "id,digest,found,regions,missed,partly,removed"
    record.write_text("\n".join([header, *looks, ""]), encoding="utf-8")
    run()
    assert entities(tmp_path) == found | {"val/2": ["barcode"]}
    record.unlink()
    run()
    assert entities(tmp_path) == found

    write_code(tmp_path / "images/train/3.png", "one more")
    run("--forcerun", "manifest")  # a new file in a folder is not seen by itself
    assert searched_before(tmp_path) == [f"3 of {n} images were searched before" for n in (4, 3)]
    assert entities(tmp_path) == found | {"train/3": ["barcode"]}


CANARY = (200, 30, 10)  # a colour that is in the secret regions, and nowhere else


def write_secrets(folder: Path) -> list[tuple[str, str, int]]:
    """Write sixteen images with a secret each, at another place in every one; return the table.

    Ids are numbers in another order than the paths, so that a path cut to its last part is the id
    of another image.
    """
    rows = []
    for number in range(16):
        case, place = "AB"[number // 8], number % 8 + 1
        path = folder / f"archive/case{case}/{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((48, 160, 3), 255 - number, dtype=np.uint8)
        pixels[10:30, 9 * number : 9 * number + 12] = CANARY
        Image.fromarray(pixels).save(path)
        rows.append((str(16 - number), f"case{case}/{place}.png", number))
    lines = [f"{name},{path},{('train', 'val')[n % 2]}" for name, path, n in rows]
    (folder / "archive/list.csv").write_text("\n".join(["id,path,split", *lines]) + "\n")
    return rows


def secrets_seen(folder: Path) -> tuple[int, int]:
    seen = count = 0
    for path in sorted((folder / "results/archive/images/mask-100").glob("*/*.tar")):
        with tarfile.open(path) as tar:
            for member in tar.getmembers():
                pixels = np.array(Image.open(io.BytesIO(tar.extractfile(member).read())))  # type: ignore[union-attr]
                seen += bool((pixels == CANARY).all(axis=-1).any())
                count += 1
    return count, seen


def secret_config(**changes: Any) -> dict[str, Any]:
    archive = {"layout": "table", "path": "archive/list.csv", "detectors": ["boxes"]}
    archive |= {"boxes": "own.csv", "methods": ["mask"], "keep_without_regions": True}
    archive |= {"adaptions": [], "recipe": "any"}
    return {
        "datasets": {"archive": archive | changes},
        "recipes": {"any": {"optimizer": {"batch_size": 4}}},
        "retrieval": {"fraction": 0.3},
    }


def box(name: str, number: int) -> str:
    return f"{name},text,{9 * number},10,{9 * number + 12},30"


@pytest.mark.parametrize(
    ("setting", "early"), [("boxes", True), ("corrections", False), ("truth", False)]
)
def test_a_wrong_row_ends_it(output_of: Any, tmp_path: Path, setting: str, early: bool) -> None:
    rows = write_secrets(tmp_path)
    lines = [box(path, n) for _, path, n in rows]
    right, wrong = (HEADER + "\n".join(some) + "\n" for some in (lines, [*lines, box("17", 1)]))
    if setting == "corrections":
        wrong = wrong.replace("\n", ",add\n").replace("y1,add", "y1,action")
    if not early:
        wrong = wrong.replace(",add\n", f",add{' ' * 300_000}\n").replace(
            "text", f"text{' ' * 300_000}"
        )  # a file too large to be read where jobs are planned
    (tmp_path / "own.csv").write_text(right)
    (tmp_path / "wrong.csv").write_text(wrong)
    config = secret_config(**{setting: "wrong.csv"})
    targets = "archive_boxes", "detection_quality"
    told = output_of(tmp_path, config, "--cores", "1", *targets, fails=True)
    assert "wrong.csv: row 17 (image 17)" in told
    # a truth that is read late stops nothing but what is measured by it
    searched = list((tmp_path / "results/archive/detect").glob("*/*.boxes.parquet"))
    assert bool(searched) is (setting == "truth" and not early)
    assert (tmp_path / "results/archive/manifest.parquet").exists() is not early


def test_boxes_by_path_reach_all_copies(output_of: Any, tmp_path: Path) -> None:
    """The ids are the tails of other images' paths."""
    rows = write_secrets(tmp_path)
    archive, own = tmp_path / "archive", tmp_path / "own.csv"
    # of three images of the same bytes the boxes name the one that is left out of train
    for name in ("left.png", "stays.png"):
        shutil.copy(archive / rows[1][1], archive / name)
    with (archive / "list.csv").open("a") as file:
        file.write("left,left.png,train\nstays,stays.png,val\n")
    run = ("--cores", "1", "archive_images")
    # by their paths; one is missing
    lines = [box("left.png" if n == 1 else path, n) for _, path, n in rows]
    own.write_text(HEADER + "\n".join(lines[1:]) + "\n")
    output_of(tmp_path, secret_config(), *run)
    assert secrets_seen(tmp_path) == (17, 1)
    # the right file is older: another disk's, or from an archive
    (tmp_path / "older.csv").write_text(HEADER + "\n".join(lines) + "\n")
    os.utime(tmp_path / "older.csv", (1.5e9, 1.5e9))
    (tmp_path / "older.csv").replace(own)
    output_of(tmp_path, secret_config(), *run)
    assert secrets_seen(tmp_path) == (17, 0)
    os.utime(own)
    assert "Nothing to be done" in output_of(tmp_path, secret_config(), "-n", *run)
