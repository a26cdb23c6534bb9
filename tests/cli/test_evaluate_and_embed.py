"""`anonbench embed`, `evaluate` and `attack`: from a folder to a file or an answer."""

import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anonbench.embedding.store import read_embeddings
from anonbench.evaluation.privacy.attacks.table import COLUMNS, read_attacks
from image_files import qr

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
def test_evaluate_prints_and_writes_files(
    photos: Path, cli: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "=cmd.jpg").write_bytes(b"none")
    printed = cli(f"evaluate {photos}", *OPTIONS, "-o answer --cache kept", status=3).out
    searched, system, answer = printed.split("\n", 2)
    assert searched.startswith("searching for nothing: ")
    assert system == "ranking by function:own_search:encode"
    assert answer.startswith(
        "With 100 % of regions hidden and original queries, mask keeps most: mAP "
    )
    assert "104 images scored, k = 5; left out: 1 unreadable (1: not an image, or" in printed
    assert "photos" not in printed and ".png" not in printed  # counts only
    folder = Path("answer")
    assert {each.stat().st_mode & 0o777 for each in (folder, Path("kept"))} == {0o700}
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("result.md", "result.json", "scores.csv", "comparisons.csv"),
        *("per_query.parquet", "images.csv", "trec"),
    }
    assert "\n'=cmd" in (folder / "images.csv").read_text()  # a name is no formula
    texts = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.*")}
    texts[Path("per_query.parquet")] = (
        pd.read_parquet(folder / "per_query.parquet").to_csv().encode()
    )
    naming = {path.parts[0] for path, text in texts.items() if b"1/001" in text}
    with pytest.raises(SystemExit):
        cli("evaluate --help")
    told = " ".join(capsys.readouterr().out.split()).partition("which name your files")[2]
    assert naming == {name for name in names if name in told}
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
    more = "--clusters persons.csv --cache kept"
    said = cli(f"evaluate {photos}", *OPTIONS, more, "--detector zxing", status=1)
    assert "103 queries have none" in said.err
    assert said.out.startswith("searching for barcode (by zxing)")
    assert not Path("kept").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ("-o photos/answer", "--output photos/answer lies among the images"),
        ("--cache photos", "--cache photos lies among the images"),
        ("--system function:absent:encode", "no module 'absent'"),
    ],
)
def test_evaluate_refuses_in_one_line(photos: Path, cli: Any, more: str, message: str) -> None:
    before = sorted(photos.rglob("*"))
    (line,) = cli(f"evaluate {photos}", *OPTIONS, more, status=1).err.splitlines()
    assert line.startswith("anonbench: ") and message in line  # before any image is looked at
    assert sorted(photos.rglob("*")) == before


def test_embed_writes_what_score_reads(
    photos: Path, cli: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "broken.jpg").write_bytes(b"none")
    system = OPTIONS[:2]
    said = cli(f"embed {photos}", *system, "-o vectors.npy", status=1).err
    assert "--output vectors.npy: the name must end in .h5 or .hdf5" in said
    said = cli(f"embed {photos}", *system, "-o out/all.h5", status=3).out
    assert "104 images, 108 dimensions: out/all.h5\n1 file could not be read (1: " in said
    found = read_embeddings(Path("out/all.h5"))
    assert found.ids == sorted(set(found.ids)) and len(found.ids) == SIZE
    assert found.provenance["left_out"] == [["broken.jpg", "not an image, or of an unknown kind"]]

    listed = "\n".join(sorted(map(str, photos.rglob("*.png"))))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed.encode())))
    assert json.loads(cli("embed -", *system, "-o listed.h5 --json").out)["images"] == SIZE
    np.testing.assert_array_equal(read_embeddings(Path("listed.h5")).values, found.values)

    files = "".join(f" --{name}=out/all.h5" for name in ("reference", "queries", "database"))
    assert "map          1.0000" in cli(f"score{files}").out


SHOWN = 2


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the current folder, originals of eight codes and their versions: two are as they were."""
    monkeypatch.chdir(tmp_path)
    for number in range(8):
        pixels = qr(f"secret {number}")
        for folder in ("clear", "hidden"):
            Path(folder).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(f"{folder}/{number}.png")
            pixels = pixels * np.uint8(number < SHOWN)


@pytest.fixture
def attack(folders: None, cli: Any) -> Any:
    """Function that attacks the versions, and returns what is printed."""
    own = "attack clear hidden --detector zxing --attack barcodes"
    return lambda more="", status=0: cli(own, more, status=status)


def test_what_stayed_in_sight_is_decoded(attack: Any) -> None:
    output = Path("attacks.csv")
    shown = attack(f"--attack barcodes --json -o {output}")  # named twice, and run once
    told = json.loads(shown.out)
    assert (told["images"], told["left_out"]) == (8, 0)
    rates = {row["method"]: row["rate"] for row in told["attacks"]}
    assert rates == {"original": 1.0, "given": SHOWN / 8}
    assert all(row["control"] == 0.0 and set(row) == set(COLUMNS) for row in told["attacks"])
    assert read_attacks(output)["n"].tolist() == [8, 8]
    assert "secret" not in shown.out + shown.err + output.read_text("utf-8")
    Path("hidden/7.png").unlink()  # a file without a partner is counted
    text = attack(status=3).out
    assert "7 images with their originals; 1 files left out" in text
    assert "7 clusters, and at least 8 are needed" in text


def test_boxes_of_an_unreadable_image_are_not_used(attack: Any) -> None:
    """As by `anonbench evaluate`."""
    rows = [f"{number},barcode,16,16,60,60" for number in range(8)]
    Path("boxes.csv").write_text("\n".join(["id,entity,x0,y0,x1,y1", *rows, ""]))
    Path("clear/7.png").write_bytes(b"no image")
    assert "7 images with their originals" in attack("--boxes boxes.csv", status=3).out


def test_copies_are_one(attack: Any) -> None:
    for folder in ("clear", "hidden"):
        for number in range(3, 8):
            shutil.copyfile(f"{folder}/{number % 3}.png", f"{folder}/{number}.png")
    text = attack(status=3).out
    assert "8 images with their originals, 5 of them copies of others; 0 files left out" in text
    assert "3 clusters, and at least 8 are needed" in text


def test_copies_under_wrong_names_are_left_out(attack: Any) -> None:
    """Also where nothing surrounds the regions, if the copies hide nothing."""
    for name, other in (("0", "1"), ("1", "0")):
        shutil.copyfile(f"clear/{other}.png", f"hidden/{name}.png")
    text = attack(status=3).out
    assert "6 images with their originals; 2 files left out, 2 of them showing another" in text
    for number in range(8):
        shutil.copyfile(f"clear/{(number + 1) % 8}.png", f"hidden/{number}.png")
    said = attack(status=1).err
    assert "8 of 8 images show another picture than their originals" in said


def test_images_that_are_no_versions_are_refused(attack: Any, cli: Any) -> None:
    Image.new("L", (9, 9)).save("hidden/3.png")
    assert "3.png is no version of its original" in attack(status=1).err
    assert "must end in .csv" in cli("attack clear hidden -o clear/0.png", status=1).err
    for wrong in ("--attack linkage", "--attack x", "--method x"):
        said = cli("attack clear hidden", wrong, status=1).err
        assert wrong.split()[0] in said and "inversion" not in said, "it runs in the workflow only"
