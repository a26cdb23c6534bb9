"""`anonbench detect` and `anonbench anonymize`: options, output, exit statuses."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
import zxingcpp
from PIL import Image

from anonbench import detect
from anonbench.cli import main
from anonbench.config import Detection
from anonbench.datasets.annotations import Images, read_boxes_file

QUICK = Detection(speed="single")
SEARCHED = (
    "searching for barcode (by zxing); not for face, text, mrz, ink\n"
    "of config.yaml hold: detection; no other setting\n"
)
OF_CODES = ["--detector", "zxing", "--workers", "1"]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two codes, in the folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.jpg"):
        code = zxingcpp.create_barcode(name, zxingcpp.BarcodeFormat.QRCode)
        pixels = np.array(zxingcpp.write_barcode_to_image(code, scale=3))
        Image.fromarray(np.pad(pixels, 20, constant_values=255)).save(tmp_path / "photos" / name)
    text = yaml.safe_dump({"title": "of a run", "detection": {"speed": "single"}})
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "photos"


def run(command: str, *arguments: str) -> int:
    return main([command, *OF_CODES, "--configfile", "config.yaml", *arguments])


def test_detect_counts_and_writes(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("detect", "photos") == 0
    said = capsys.readouterr().out
    assert said.startswith(SEARCHED)
    assert "\n2 images: 2 with regions (2 barcode), 0 without" in said and "a.png" not in said
    for suffix in ("csv", "parquet", "json"):
        assert run("detect", "photos", "-o", f"boxes.{suffix}") == 0
    rows = list(csv.DictReader((photos.parent / "boxes.csv").open(encoding="utf-8")))
    assert [(row["id"], row["path"]) for row in rows] == [("a", "a.png"), ("sub/b", "sub/b.jpg")]
    table = pd.read_parquet("boxes.parquet")
    assert table["x0"].tolist() == [pytest.approx(float(row["x0"])) for row in rows]
    entries = json.loads(Path("boxes.json").read_text(encoding="utf-8"))["images"]
    assert [len(entry["regions"]) for entry in entries] == [1, 1]
    capsys.readouterr()
    (photos / "broken.png").write_bytes(b"broken")
    assert run("detect", "photos", "--json") == 3
    assert json.loads(capsys.readouterr().out)["unreadable"] == 1


def test_boxes_of_detect_are_boxes_for_the_config(photos: Path) -> None:
    table = detect("photos", ["zxing"], workers=1, detection=QUICK).boxes
    expected = dict(zip(table["id"], table["x0"], strict=True))
    listed = pd.DataFrame({"id": ["a", "sub/b"], "path": ["a.png", "sub/b.jpg"]})
    for file in (Path("boxes.csv"), Path("boxes.parquet")):
        assert run("detect", "photos", "-o", str(file)) == 0
        regions = read_boxes_file(file, Images(photos, listed)).regions()
        assert {name: regions[name][0].x0 for name in regions} == pytest.approx(expected)


def test_anonymize_says_what_is_missing(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("anonymize", "photos", "-o", "out", "--method", "mask", "--dry-run") == 0
    assert "2 images would be searched" in capsys.readouterr().out and not Path("out").exists()
    assert run("anonymize", "photos", "-o", "out", "--method", "mask") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{SEARCHED}wrote out: 2 images of 2, 2 regions hidden\n")
    Image.new("L", (90, 60), 200).save(photos / "blank.png")
    assert run("anonymize", "photos", "-o", "out", "--method", "mask", "--json") == 3
    done = json.loads(capsys.readouterr().out)
    assert (done["written"], done["without_regions"]) == (2, 1)
    assert Path(done["audit"]).name == "out.audit.json"


@pytest.mark.parametrize(("blocks", "is_weak"), [(1000, True), (4, False)])
def test_a_strength_that_hides_next_to_nothing_is_called_weak(
    photos: Path, capsys: pytest.CaptureFixture[str], blocks: int, is_weak: bool
) -> None:
    with Path("config.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\nanonymization: {{ pixelate: {{ blocks: {{ barcode: {blocks} }} }} }}\n")
    for more in (("--dry-run",), ()):
        run("anonymize", "photos", "-o", "out", "--method", "pixelate", *more)
        said = capsys.readouterr().out
        assert ("pixelate: weak, its strength leaves detail visible (100%" in said) is is_weak


def test_methods_with_a_key(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("anonymize", "photos", "-o", "out", "--method", "tile_shuffle") == 1
    assert "openssl rand -hex 32 > anonbench.key" in capsys.readouterr().err
    Path("anonbench.key").write_bytes(b"k" * 32)
    assert run("anonymize", "photos", "-o", "out", "--method", "tile_shuffle") == 0
    assert "tile_shuffle: weak by design, barcode may" in capsys.readouterr().out
    assert run("anonymize", "photos", "-o", "other", "--method", "layers") == 0
    assert "weak" not in capsys.readouterr().out


def test_anonymize_counts_what_is_there_(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = os.fsdecode(b"out\xff")  # a name that is no text
    assert run("anonymize", "photos", "-o", out) == 0
    (photos / "a.png").rename(Path(out, "strange.png"))
    assert run("anonymize", "photos", "-o", out) == 3
    said = capsys.readouterr().out
    assert "wrote out\\xff: 1 image of 1 (0 made now, 1 unchanged), " in said
    gone = "1 copy of images that are gone or were not given, also there: a.png; delete what"
    assert gone in said and "1 file also there" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["detect", "photos", "-o", "x.txt"], "the name ends in .parquet, .csv, .json"),
        (["detect", "config.yaml/x"], "there is no such file"),
        (["detect", "photos", "--detector", "centreface"], "did you mean centerface?"),
        (["detect", "photos", "--detector", "boxes"], "there are mtcnn"),
        (["anonymize", "photos", "-o", "photos/out"], "in the folder of the originals"),
        (["anonymize", "photos", "-o", "out", "--method", "blurr"], "there are pixelate"),
        (["detect", "list.csv", "-o", "list.csv"], "is the same file as"),
        # what a misspelt section asks for would be left out, and less be hidden
        (["detect", "photos", "--configfile", "wrong.yaml"], "did you mean anonymization?"),
        (["anonymize", "photos", "-o", "out", "--configfile", "wrong.yaml"], "wrong.yaml"),
    ],
)
def test_wrong_turns(
    photos: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    Path("list.csv").write_text("path\nphotos/a.png\n")
    Path("wrong.yaml").write_text("anonymisation: {margin: 1.5}", encoding="utf-8")
    assert run(*arguments) == 1
    assert said in capsys.readouterr().err
    assert Path("list.csv").read_text() == "path\nphotos/a.png\n"
    assert not Path("out").exists()
