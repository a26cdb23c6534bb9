"""`anonbench embed`, `evaluate` and `attack`: from a folder to a file or an answer."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zxingcpp
from PIL import Image

from anonbench.embedding.store import read_embeddings
from anonbench.evaluation.privacy.attacks.table import COLUMNS, read_attacks

SIZE = 104
MODULE = """
import numpy as np

def encode(images):
    return np.array([image[::4, ::4].astype(float).ravel() - 127.5 for image in images])
"""


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of images, boxes of them, and a system in a module of the current folder."""
    folder = tmp_path / "photos"
    draw = np.random.default_rng(5)
    for number in range(SIZE):
        path = folder / f"{number % 3}" / f"{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path)
    ids = [f"{number % 3}/{number:03d}" for number in range(SIZE)]
    boxes = pd.DataFrame({"id": ids, "entity": "face", "x0": 3, "y0": 3, "x1": 16, "y1": 14})
    boxes.to_csv(tmp_path / "boxes.csv", index=False)
    (tmp_path / "own_search.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return folder


OPTIONS = ["--system", "function:own_search:encode", "--boxes", "boxes.csv", "--method", "mask"]


@pytest.mark.slow
def test_evaluate_prints_and_writes_files(photos: Path, cli: Any) -> None:
    (photos / "=cmd.jpg").write_bytes(b"none")
    printed = cli(f"evaluate {photos}", *OPTIONS, "-o answer --cache kept", status=3).out
    searched, system, answer = printed.split("\n", 2)
    assert searched.startswith("searching for nothing: ")
    assert system == "ranking by function:own_search:encode"
    assert answer.startswith("At 100 % with original queries mask keeps most: mAP ")
    assert "104 images scored, k = 5; left out: 1 unreadable (1: not an image, or" in printed
    assert "photos" not in printed and ".png" not in printed  # counts only
    folder = Path("answer")
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("result.md", "result.json", "scores.csv", "comparisons.csv"),
        *("per_query.parquet", "images.csv", "trec"),
    }
    assert "\n'=cmd" in (folder / "images.csv").read_text()  # a name is no formula
    images = pd.read_csv(folder / "images.csv")
    assert images["status"].value_counts().to_dict() == {"ok": SIZE, "left out": 1}
    whole = [(folder / name).read_bytes() for name in sorted(names - {"trec"})]

    again = [*OPTIONS, "-o", "again", "--json", "--degree", "100"]
    content = json.loads(cli(f"evaluate {photos}", *again, status=3).out)
    assert content["card"]["settings"]["variants"] == ["mask-100"]
    assert {row["degree"] for row in content["scores"]} == {100}
    assert [(Path("again") / name).read_bytes() for name in sorted(names - {"trec"})] == whole
    assert len(list(Path("kept").iterdir())) == 3


def test_evaluate_writes_over_nothing(photos: Path, cli: Any) -> None:
    given = Path("answer/scores.csv")  # of an earlier evaluation, or the user's own
    given.parent.mkdir()
    given.write_bytes(Path("boxes.csv").read_bytes())
    for output in ("answer", "boxes.csv"):
        said = cli(f"evaluate {photos}", *OPTIONS, f"-o {output}", status=1).err
        assert f"{output} is there already: name another place" in said
    assert given.read_bytes() == Path("boxes.csv").read_bytes()


def test_wrong_clusters_are_refused_early(photos: Path, cli: Any) -> None:
    Path("persons.csv").write_text("id,cluster\n0/000,NA\n")
    arguments = ["evaluate", str(photos), *OPTIONS, "--clusters", "persons.csv", "--cache", "kept"]
    assert "103 queries have none" in cli(*arguments, status=1).err
    assert not Path("kept").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["-o", "photos/answer"], "--output photos/answer lies among the images"),
        (["--cache", "photos"], "--cache photos lies among the images"),
        (["--method", "masks"], "did you mean mask?"),
        (["--detector", "zxin"], "did you mean zxing?"),
        (["--system", "function:absent:encode"], "no module 'absent'"),
    ],
)
def test_evaluate_refuses_in_one_line(
    photos: Path, cli: Any, more: list[str], message: str
) -> None:
    before = sorted(photos.rglob("*"))
    (line,) = cli(
        f"evaluate {photos}", *OPTIONS, *more, status=1
    ).err.splitlines()  # before any image is looked at
    assert line.startswith("anonbench: ") and message in line
    assert sorted(photos.rglob("*")) == before


def test_embed_writes_what_score_reads(
    photos: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "broken.jpg").write_bytes(b"none")
    system = OPTIONS[:2]
    said = cli(f"embed {photos}", *system, "-o vectors.npy", status=1).err
    assert "--output vectors.npy: the name ends in .h5 or .hdf5" in said
    said = cli(f"embed {photos}", *system, "-o out/all.h5", status=3).out
    assert "104 images, 108 dimensions: out/all.h5\n1 file could not be read (1: " in said
    found = read_embeddings(Path("out/all.h5"))
    assert found.ids == sorted(found.ids) and len(found.ids) == SIZE
    assert found.provenance["left_out"] == [["broken.jpg", "not an image, or of an unknown kind"]]

    listed = "\n".join(sorted(map(str, photos.rglob("*.png"))))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed.encode())))
    assert json.loads(cli("embed -", *system, "-o listed.h5 --json").out)["images"] == SIZE
    np.testing.assert_array_equal(read_embeddings(Path("listed.h5")).values, found.values)

    files = [f"--{name}=out/all.h5" for name in ("reference", "queries", "database")]
    assert "map          1.0000" in cli("score", *files).out


SHOWN = 2
ATTACK = ("--detector", "zxing", "--attack", "barcodes")


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
    folders: tuple[Path, Path], tmp_path: Path, cli: Any
) -> None:
    output = tmp_path / "attacks.csv"
    arguments = ["attack", *map(str, folders), *ATTACK, "--json", "-o", str(output)]
    shown = cli(*arguments)
    told = json.loads(shown.out)
    assert (told["images"], told["left_out"]) == (8, 0)
    rates = {row["method"]: row["rate"] for row in told["attacks"]}
    assert rates == {"original": 1.0, "given": SHOWN / 8}
    assert all(row["control"] == 0.0 and set(row) == set(COLUMNS) for row in told["attacks"])
    assert read_attacks(output)["n"].tolist() == [8, 8]
    assert "secret" not in shown.out + shown.err + output.read_text("utf-8")
    (folders[1] / "7.png").unlink()  # a file without a partner is counted
    text = cli("attack", *folders, *ATTACK, status=3).out
    assert "7 images with their originals; 1 files left out" in text
    assert "7 clusters, and at least 8 are needed" in text


def test_boxes_of_an_unreadable_image_are_not_used(
    folders: tuple[Path, Path], tmp_path: Path, cli: Any
) -> None:
    """As by `anonbench evaluate`."""
    rows = [f"{number},barcode,16,16,60,60" for number in range(8)]
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("\n".join(["id,entity,x0,y0,x1,y1", *rows, ""]))
    (folders[0] / "7.png").write_bytes(b"no image")
    said = cli("attack", *folders, *ATTACK, f"--boxes {boxes}", status=3).out
    assert "7 images with their originals" in said


def test_copies_are_one(folders: tuple[Path, Path], cli: Any) -> None:
    for folder in folders:
        for number in range(3, 8):
            shutil.copyfile(folder / f"{number % 3}.png", folder / f"{number}.png")
    text = cli("attack", *folders, *ATTACK, status=3).out
    assert "8 images with their originals, 5 of them copies of others; 0 files left out" in text
    assert "3 clusters, and at least 8 are needed" in text


def test_nothing_that_is_read_is_written_over(
    folders: tuple[Path, Path], tmp_path: Path, cli: Any
) -> None:
    boxes = tmp_path / "boxes.csv"
    boxes.write_text("id,entity,x0,y0,x1,y1\n0,face,1,1,9,9\n")
    (tmp_path / "link.csv").hardlink_to(boxes)
    table = tmp_path / "table.csv"
    table.write_text("path\nclear/0.png\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    own = (*map(str, folders), *ATTACK, "--boxes", str(boxes))
    for arguments, told in (
        ((*own, "-o", str(folders[0] / "0.png")), "the name ends in .csv"),
        ((*own, "-o", str(boxes)), "is the same file as"),
        ((*own, "-o", str(tmp_path / "link.csv")), "is the same file as"),
        ((str(table), str(folders[1]), *ATTACK, "-o", str(table)), "is the same file as"),
    ):
        assert told in cli("attack", *arguments, status=1).err
    assert before == {path: path.read_bytes() for path in before}


def test_copies_under_wrong_names_are_left_out(folders: tuple[Path, Path], cli: Any) -> None:
    """Also where nothing surrounds the regions, if the copies hide nothing."""
    clear, hidden = folders
    for name, other in (("0", "1"), ("1", "0")):
        shutil.copyfile(clear / f"{other}.png", hidden / f"{name}.png")
    text = cli("attack", *folders, *ATTACK, status=3).out
    assert "6 images with their originals; 2 files left out, 2 of them showing another" in text
    for number in range(8):
        shutil.copyfile(clear / f"{(number + 1) % 8}.png", hidden / f"{number}.png")
    said = cli("attack", *folders, *ATTACK, status=1).err
    assert "8 of 8 images show another picture than their originals" in said


def test_images_that_are_no_versions_are_refused(folders: tuple[Path, Path], cli: Any) -> None:
    Image.new("L", (9, 9)).save(folders[1] / "3.png")
    assert "3.png is no version of its original" in cli("attack", *folders, *ATTACK, status=1).err
    for wrong in (["--attack", "linkage"], ["--attack", "x"], ["--method", "x"]):
        said = cli("attack", *folders, *wrong, status=1).err
        assert wrong[0] in said and "inversion" not in said, "it runs in the workflow only"
