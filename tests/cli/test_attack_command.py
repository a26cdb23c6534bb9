"""`anonbench attack` on drawn codes, of which some stayed in sight."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import zxingcpp
from PIL import Image

from anonbench.cli import main
from anonbench.evaluation.privacy.attacks.table import COLUMNS, read_attacks

SHOWN = 2
OPTIONS = ("--detector", "zxing", "--attack", "barcodes")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Return originals of eight codes, and their versions: two are as they were."""
    clear, hidden = tmp_path / "clear", tmp_path / "hidden"
    for number in range(8):
        code = zxingcpp.create_barcode(f"secret {number}", zxingcpp.BarcodeFormat.QRCode)
        bars = np.array(zxingcpp.write_barcode_to_image(code, scale=3))
        pixels = np.pad(bars, 16, constant_values=255)
        for folder in (clear, hidden):
            folder.mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / f"{number}.png")
            pixels = pixels * np.uint8(number < SHOWN)
    return clear, hidden


def test_what_stayed_in_sight_is_decoded(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "attacks.csv"
    arguments = ["attack", *map(str, folders), *OPTIONS, "--json", "-o", str(output)]
    assert main(arguments) == 0
    shown = capsys.readouterr()
    told = json.loads(shown.out)
    assert (told["images"], told["left_out"]) == (8, 0)
    rates = {row["method"]: row["rate"] for row in told["attacks"]}
    assert rates == {"original": 1.0, "given": SHOWN / 8}
    assert all(row["control"] == 0.0 and set(row) == set(COLUMNS) for row in told["attacks"])
    assert read_attacks(output)["n"].tolist() == [8, 8]
    assert "secret" not in shown.out + shown.err + output.read_text("utf-8")
    (folders[1] / "7.png").unlink()  # a file without a partner is counted
    assert main(["attack", *map(str, folders), *OPTIONS]) == 3
    text = capsys.readouterr().out
    assert "7 images with their originals; 1 files left out" in text
    assert "7 clusters, and at least 8 are needed" in text


def test_boxes_of_an_unreadable_image_are_not_used(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As by `anonbench evaluate`."""
    rows = [f"{number},barcode,16,16,60,60" for number in range(8)]
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("\n".join(["id,entity,x0,y0,x1,y1", *rows, ""]))
    (folders[0] / "7.png").write_bytes(b"no image")
    assert main(["attack", *map(str, folders), *OPTIONS, "--boxes", str(boxes)]) == 3
    assert "7 images with their originals" in capsys.readouterr().out


def test_copies_are_one(folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    for folder in folders:
        for number in range(3, 8):
            shutil.copyfile(folder / f"{number % 3}.png", folder / f"{number}.png")
    assert main(["attack", *map(str, folders), *OPTIONS]) == 3
    text = capsys.readouterr().out
    assert "8 images with their originals, 5 of them copies of others; 0 files left out" in text
    assert "3 clusters, and at least 8 are needed" in text


def test_nothing_that_is_read_is_written_over(
    folders: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("id,entity,x0,y0,x1,y1\n0,face,1,1,9,9\n")
    (tmp_path / "link.csv").hardlink_to(boxes)
    table = tmp_path / "table.csv"
    table.write_text("path\nclear/0.png\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    own = (*map(str, folders), *OPTIONS, "--boxes", str(boxes))
    for arguments, told in (
        ((*own, "-o", str(folders[0] / "0.png")), "the name ends in .csv"),
        ((*own, "-o", str(boxes)), "is the same file as"),
        ((*own, "-o", str(tmp_path / "link.csv")), "is the same file as"),
        ((str(table), str(folders[1]), *OPTIONS, "-o", str(table)), "is the same file as"),
    ):
        assert main(["attack", *arguments]) == 1
        assert told in capsys.readouterr().err
    assert before == {path: path.read_bytes() for path in before}


def test_copies_under_wrong_names_are_left_out(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Also where nothing surrounds the regions, if the copies hide nothing."""
    clear, hidden = folders
    for name, other in (("0", "1"), ("1", "0")):
        shutil.copyfile(clear / f"{other}.png", hidden / f"{name}.png")
    assert main(["attack", *map(str, folders), *OPTIONS]) == 3
    text = capsys.readouterr().out
    assert "6 images with their originals; 2 files left out, 2 of them showing another" in text
    for number in range(8):
        shutil.copyfile(clear / f"{(number + 1) % 8}.png", hidden / f"{number}.png")
    assert main(["attack", *map(str, folders), *OPTIONS]) == 1
    assert "8 of 8 images show another picture than their originals" in capsys.readouterr().err


def test_images_that_are_no_versions_are_refused(
    folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("L", (9, 9)).save(folders[1] / "3.png")
    assert main(["attack", *map(str, folders), *OPTIONS]) == 1
    assert "3.png is no version of its original" in capsys.readouterr().err
    for wrong in (["--attack", "linkage"], ["--attack", "x"], ["--method", "x"]):
        assert main(["attack", *map(str, folders), *wrong]) == 1
        said = capsys.readouterr().err
        assert wrong[0] in said and "inversion" not in said, "it runs in the workflow only"
