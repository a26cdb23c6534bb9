"""`anonbench k-same` on drawn portraits, which MTCNN finds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anonbench.cli import main
from anonbench_demo import portraits


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Draw two photographs of each of three persons, and name them; a plain wall is beside them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    lines = ["id,person"]
    for number in range(6):
        image = portraits.draw(0, f"someone-{number // 2}", number).image
        Image.fromarray(image).save(tmp_path / "photos" / f"{number}.jpg", quality=95)
        lines.append(f"{number},someone-{number // 2}")
    (tmp_path / "persons.csv").write_text("\n".join(lines))
    return tmp_path / "photos"


def test_pictures_are_written_and_counted(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["k-same", "photos", "averaged", "--k", "3", "--persons", "persons.csv"]
    assert main(command) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "wrote averaged: 1 group of 3 persons, 3 in the smallest",
        "6 pictures, each face the mean of at least 3 persons'",
    ]
    assert "images searched" in shown.err and "someone" not in shown.out + shown.err
    for number in range(6):
        original = np.asarray(Image.open(photos / f"{number}.jpg"))
        picture = np.asarray(Image.open(f"averaged/{number}.png"))
        assert picture.shape == original.shape
        assert 0.02 < (picture != original).any(axis=2).mean() < 0.9


def test_what_has_no_picture_is_told(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (80, 80), "grey").save(photos / "wall.png")
    (photos / "broken.png").write_bytes(b"no image")
    (photos / "notes.txt").write_text("quiet")
    assert main(["k-same", "photos", "averaged", "--k", "2"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "wrote averaged: 3 groups of 6 different faces, 2 in the smallest"
    assert lines[1].startswith("2 images without a picture (1: ")
    assert "1: no face was found in it" in lines[1]
    assert lines[2] == (
        "6 pictures, each face the mean of at least 2 faces, which may be one person's "
        "(--persons counts persons)"
    )
    assert main(["k-same", "photos", "averaged", "--k", "2", "--json"]) == 3
    told = json.loads(capsys.readouterr().out)
    assert {each["name"] for each in told["left_out"]} == {"broken.png", "wall.png"}
    assert (told["k"], told["written"], told["by_person"]) == (2, 6, False)


def test_wrong_requests_are_refused(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*options: str) -> str:
        assert main(["k-same", "photos", *options]) == 1
        return capsys.readouterr().err.splitlines()[-1]

    assert "k = 1: of fewer than 2" in refused("averaged", "--k", "1")
    assert "name another one" in refused("photos/averaged", "--k", "2")
    assert "did you mean mtcnn" in refused("averaged", "--k", "2", "--detector", "mtcn")
    assert "who.csv cannot be read" in refused("averaged", "--k", "2", "--persons", "who.csv")
    with pytest.raises(SystemExit, match="2"):
        main(["k-same", "photos", "averaged"])
    assert not Path("averaged").exists()
