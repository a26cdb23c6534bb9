"""Pictures of k-same: which images share an average, what is refused, what is left out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anonbench.anonymization.given import k_same
from anonbench.anonymization.given.k_same import Averaged, k_same_pictures
from anonbench.cli import main
from anonbench.core.errors import InputError
from anonbench.datasets.given import belonging, pictures_in
from anonbench_demo import portraits

pytestmark = pytest.mark.slow

PERSONS = 6


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photographs of each of six persons, one broken file, and one without a face."""
    folder = tmp_path_factory.mktemp("data") / "photos"
    for person in range(PERSONS):
        for photo in range(2):
            drawing = portraits.draw(7, f"val/{person}", photo)
            path = folder / f"p{person}" / f"{photo}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(drawing.image).save(path)
    Image.fromarray(np.full((80, 80, 3), 99, np.uint8)).save(folder / "plain.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no image")
    return folder


@pytest.fixture(scope="module")
def persons(photos: Path) -> dict[str, str]:
    return {f"p{person}/{photo}": f"n{person}" for person in range(PERSONS) for photo in range(2)}


@pytest.fixture(scope="module")
def done(photos: Path, persons: dict[str, str]) -> Averaged:
    return k_same_pictures(photos, photos.parent / "averaged", 3, persons=persons)


def pixels(folder: Path, image: str) -> np.ndarray:
    return np.asarray(Image.open(folder / f"{image}.png"))


def test_counts_and_what_is_left_out(done: Averaged, photos: Path) -> None:
    assert (done.written, done.faces, done.members, done.groups) == (12, 12, PERSONS, 2)
    assert done.smallest == 3 and done.by_person
    reasons = {each.name: each.reason for each in done.left_out}
    assert reasons["plain.png"] == reasons["broken.png"] == k_same.NO_PERSON
    record = json.loads((photos.parent / "averaged.k_same.json").read_text(encoding="utf-8"))
    assert (record["k"], record["smallest"], record["left_out"]) == (3, 3, 2)
    assert "n0" not in json.dumps(record)


def test_pictures_are_those_that_a_data_set_looks_for(done: Averaged, photos: Path) -> None:
    import pandas as pd

    rows = pd.DataFrame({"id": ["p0/0", "plain"], "path": ["p0/0.png", "plain.png"]})
    found = belonging(rows, pictures_in(photos.parent / "averaged"), "k_same")
    assert found.tolist()[0] == "p0/0.png" and pd.isna(found.tolist()[1])


def test_two_averages_are_all_that_faces_are_made_of(
    photos: Path, persons: dict[str, str], done: Averaged, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[bytes] = []
    real = k_same.draw_averages
    monkeypatch.setattr(
        k_same,
        "draw_averages",
        lambda image, regions, averages, settings: (
            drawn.extend(each.tobytes() for each in averages),
            real(image, regions, averages, settings),
        )[1],
    )
    k_same_pictures(photos, photos.parent / "again", 3, persons=persons)
    assert len(drawn) == 12 and len(set(drawn)) == 2
    assert all(drawn[2 * p] == drawn[2 * p + 1] for p in range(PERSONS))  # a person's two pictures
    for image in persons:  # and the same bytes again
        one, two = (photos.parent / name / f"{image}.png" for name in ("averaged", "again"))
        assert one.read_bytes() == two.read_bytes()


def test_without_persons_different_faces_count_and_copies_do_not(
    photos: Path, tmp_path: Path
) -> None:
    for number in range(4):
        target = tmp_path / "photos" / f"{number}.png"
        target.parent.mkdir(exist_ok=True)
        target.write_bytes((photos / "p0/0.png").read_bytes())
    with pytest.raises(InputError, match="has only 1 different face; give a smaller k, or more"):
        k_same_pictures(tmp_path / "photos", tmp_path / "out", 2)
    assert not [*tmp_path.glob("out/*")]


def test_what_cannot_be_done_is_refused(
    photos: Path, persons: dict[str, str], tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="k = 1: of fewer than 2"):
        k_same_pictures(photos, tmp_path / "out", 1)
    with pytest.raises(InputError, match=r"k = 7: .* has only 6 persons"):
        k_same_pictures(photos, tmp_path / "out", 7, persons=persons)
    with pytest.raises(InputError, match="folder of the originals"):
        k_same_pictures(photos, photos / "out", 2)
    (tmp_path / "other").mkdir()
    (tmp_path / "other/mine.txt").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match=r"mine\.txt is no picture of these images"):
        k_same_pictures(photos, tmp_path / "other", 2)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,who\np0/0,a\n", "needs columns id .or path. and person; it has id, who"),
        ("id,person\nzz,a\n", "1 image with a person, and none of"),
        ("id,person\np0/0,a\np0/0,b\n", "id 'p0/0' is of two persons"),
        ("", "cannot be read as CSV"),
    ],
)
def test_a_wrong_list_of_persons_is_named(
    photos: Path, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "persons.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"persons: .*persons\.csv.*{said}"):
        k_same_pictures(photos, tmp_path / "out", 2, persons=tmp_path / "persons.csv")


def test_an_image_that_changes_meanwhile_gets_no_picture(
    photos: Path, persons: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    shutil.copytree(photos, tmp_path / "photos")
    (tmp_path / "out/p0").mkdir(parents=True)
    (tmp_path / "out/p0/0.png").write_bytes(b"of an earlier run")
    (tmp_path / "out/p1").mkdir()
    (tmp_path / "out/p1/.0.png.12.part").write_bytes(b"of one that was killed")
    real = k_same.k_same_groups

    def swap(vectors: np.ndarray, k: int) -> list[np.ndarray]:
        shutil.copy(tmp_path / "photos/p1/0.png", tmp_path / "photos/p0/0.png")
        return real(vectors, k)

    monkeypatch.setattr(k_same, "k_same_groups", swap)
    found = k_same_pictures(tmp_path / "photos", tmp_path / "out", 2, persons=persons)
    assert found.written == 11
    assert {each.name: each.reason for each in found.left_out}["p0/0.png"] == k_same.CHANGED
    assert not (tmp_path / "out/p0/0.png").exists()
    assert not [*(tmp_path / "out").rglob("*.part")]


def test_the_command_says_what_k_counts(
    photos: Path, persons: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = ["id,person", *(f"{image},{person}" for image, person in persons.items())]
    (tmp_path / "persons.csv").write_text("\n".join(lines), encoding="utf-8")
    own = ["k-same", str(photos), "--k", "3", "--detector", "mtcnn", "-o"]
    named = [*own, str(tmp_path / "out"), "--persons", str(tmp_path / "persons.csv")]
    assert main(named) == 3
    said = capsys.readouterr().out
    assert "12 pictures, 12 faces in 2 groups of at least 3 persons" in said
    assert "2 images have no picture (2: no person is named for it)" in said
    assert main([*own, str(tmp_path / "faces")]) == 3
    said = capsys.readouterr().out
    assert "different faces" in said and "nothing is known of persons" in said
