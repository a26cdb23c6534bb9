"""k-same on folders: a stand-in says where faces are, so that each mean can be computed by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from anonbench.anonymization.given import k_same
from anonbench.anonymization.given.compare import State
from anonbench.anonymization.given.k_same import CHANGED, NO_FACE, NO_PERSON, k_same_pictures
from anonbench.anonymization.given.k_same_faces import HEIGHT, POINTS, WIDTH
from anonbench.anonymization.given.shard import given_shard
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region, box_table
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity
from anonbench.datasets.files.headers import Limits
from anonbench.datasets.given import reasons_of_given
from anonbench.detection.faces import landmarks
from anonbench.detection.search import DetectorFailed

TOP, LEFT = 6, 10
FACE = Region(Entity.FACE, LEFT, TOP, LEFT + WIDTH, TOP + HEIGHT, 1.0)
"""As large as an aligned face, so that aligning and drawing leave its pixels as they are."""
WINDOW = (slice(TOP, TOP + HEIGHT), slice(LEFT, LEFT + WIDTH))
SMALL = Region(Entity.FACE, 110, 20, 118, 30, 1.0)
LINE = Region(Entity.TEXT, 60, 120, 118, 139, 1.0)
SHAPE = (140, 120, 3)


class StandIn:
    """Tells regions by the image's upper left pixel: bit 0 a face, 1 a line, 2 a small face."""

    def __init__(self, detectors: Sequence[str], settings: Detection) -> None:
        self.detectors = detectors

    def __call__(self, image: np.ndarray) -> list[Region]:
        found = int(image[0, 0].flat[0])
        if found == 99:
            raise DetectorFailed("mtcnn failed (RuntimeError)")
        return [each for bit, each in enumerate((FACE, LINE, SMALL)) if found >> bit & 1]


class Middle:
    """Points of a face in the middle of its box."""

    def find(self, image: np.ndarray, faces: Sequence[Region]) -> np.ndarray:
        sides = [(each.x1 - each.x0, each.y1 - each.y0) for each in faces]
        corners = [(each.x0, each.y0) for each in faces]
        return np.array([POINTS * s + c for s, c in zip(sides, corners, strict=True)])


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(k_same, "Search", StandIn)
    monkeypatch.setattr(landmarks, "Landmarks", Middle)


def picture(seed: int, found: int = 1) -> np.ndarray:
    pixels = np.random.default_rng(seed).integers(0, 256, SHAPE, dtype=np.uint8)
    pixels[0, 0] = found
    return pixels


def save(folder: Path, name: str, pixels: np.ndarray) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def read(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path))


def drawn(folder: Path) -> dict[str, np.ndarray]:
    """Return the face in each picture."""
    return {
        path.relative_to(folder).with_suffix("").as_posix(): read(path)[WINDOW]
        for path in sorted(folder.rglob("*.png"))
    }


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Return nine photographs of four persons, in folders."""
    for number in range(9):
        save(tmp_path / "photos", f"set/{number}.png", picture(number))
    return tmp_path / "photos"


PERSONS = {f"set/{number}": f"person {number // 2 % 4}" for number in range(9)}
"""0, 1 and 8 are one person, then pairs."""


def mean_of(numbers: Sequence[Sequence[int]]) -> np.ndarray:
    """Return the mean of means of photographs' faces."""
    means = [np.mean([picture(each)[WINDOW] for each in own], axis=0) for own in numbers]
    return np.rint(np.mean(means, axis=0)).astype(np.uint8)


def test_persons_weigh_alike_and_all_their_pictures_get_the_mean(photos: Path) -> None:
    to = photos.parent / "to"
    done = k_same_pictures(photos, to, 4, persons=PERSONS)
    assert (done.written, done.faces, done.members) == (9, 9, 4)
    assert (done.groups, done.smallest, done.by_person, done.left_out) == (1, 4, True, ())
    expected = mean_of([(0, 1, 8), (2, 3), (4, 5), (6, 7)])
    for name, face in drawn(to).items():
        assert np.array_equal(face, expected), name
    outside = np.ones(SHAPE[:2], bool)
    outside[WINDOW] = False
    assert np.array_equal(read(to / "set/3.png")[outside], picture(3)[outside])
    record = json.loads((photos.parent / "to.k_same.json").read_text("utf-8"))
    assert (record["k"], record["groups"], record["smallest"], record["by_person"]) == (4, 1, 4, 1)
    assert "person 0" not in json.dumps(record) and "set" not in json.dumps(record)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_each_face_is_the_mean_of_its_group(photos: Path, k: int) -> None:
    done = k_same_pictures(photos, photos.parent / "to", k)
    faces = drawn(photos.parent / "to")
    groups: dict[bytes, list[int]] = {}
    for name, face in faces.items():
        groups.setdefault(face.tobytes(), []).append(int(name[-1]))
    assert len(groups) == done.groups == 9 // k and not done.by_person
    assert min(map(len, groups.values())) == done.smallest >= k
    for numbers in groups.values():
        assert np.array_equal(faces[f"set/{numbers[0]}"], mean_of([[each] for each in numbers]))


def test_a_face_has_one_kth_of_the_weight_in_its_own_picture(photos: Path) -> None:
    k_same_pictures(photos, photos.parent / "to", 9)
    before = drawn(photos.parent / "to")["set/5"].astype(int)
    changed = picture(5)
    changed[WINDOW] = 255 - changed[WINDOW]
    save(photos, "set/5.png", changed)
    k_same_pictures(photos, photos.parent / "to", 9)
    after = drawn(photos.parent / "to")["set/5"].astype(int)
    share = (changed[WINDOW].astype(int) - picture(5)[WINDOW]) / 9
    assert np.abs(after - before - share).max() <= 1  # of rounding
    assert not np.array_equal(before, after)


def test_whatever_the_order_and_again_the_bytes_are_the_same(photos: Path) -> None:
    files = [f"photos/set/{number}.png" for number in (3, 8, 1, 0, 7, 5, 2, 6, 4)]
    found = []
    for number, order in enumerate((files, files[::-1], sorted(files))):
        to = photos.parent / f"to{number // 2}"  # the last time over the first one's
        with pytest.MonkeyPatch.context() as there:
            there.chdir(photos.parent)
            k_same_pictures(order, to, 2)
        found.append({path.name: path.read_bytes() for path in to.rglob("*.png")})
    assert found[0] == found[1] == found[2] and len(found[0]) == 9


def test_a_copy_of_a_file_is_no_other_face(photos: Path) -> None:
    for number in range(9):
        save(photos, f"copy/{number}.png", picture(number))
    done = k_same_pictures(photos, photos.parent / "to", 3)
    assert (done.members, done.faces, done.groups) == (9, 18, 3)
    faces = drawn(photos.parent / "to")
    assert np.array_equal(faces["copy/4"], faces["set/4"])
    with pytest.raises(InputError, match="has 9 different faces, and a mean needs 10"):
        k_same_pictures(photos, photos.parent / "more", 10)


def test_other_regions_are_masked(photos: Path) -> None:
    """A line over the face is neither in the picture nor in anybody's mean."""
    save(photos, "set/0.png", picture(0, 7))
    to = photos.parent / "to"
    done = k_same_pictures(photos, to, 4, persons=PERSONS)
    assert done.masked == 2 and done.faces == 9
    shown = read(to / "set/0.png")
    assert (shown[120:139, 60:118] == 0).all() and (shown[20:30, 110:118] == 0).all()
    before = drawn(to)["set/7"]
    other = picture(0, 7)
    other[120:139, 60:118] = 255
    save(photos, "set/0.png", other)
    k_same_pictures(photos, to, 4, persons=PERSONS)
    assert np.array_equal(drawn(to)["set/7"], before)
    # without persons the small face is one that counts
    done = k_same_pictures(photos, photos.parent / "all", 10)
    assert (done.members, done.masked) == (10, 1)


def test_grey_images_stay_grey(photos: Path) -> None:
    grey = picture(0)[..., 0].copy()
    save(photos, "set/0.png", grey)
    k_same_pictures(photos, photos.parent / "to", 9)
    faces = drawn(photos.parent / "to")
    expected = np.asarray(Image.fromarray(faces["set/1"]).convert("L")).astype(int)
    assert faces["set/0"].shape == (HEIGHT, WIDTH)
    assert np.abs(faces["set/0"] - expected).max() <= 1


def test_what_cannot_be_is_counted_and_skipped(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (photos / "broken.png").write_bytes((photos / "set/0.png").read_bytes()[:300])
    save(photos, "empty.png", picture(20, 2))
    save(photos, "failing.png", picture(21, 99))
    save(photos, "stranger.png", picture(22))
    known = PERSONS | {"broken.png": "person 5", "empty": "person 6", "failing": "person 7"}
    known |= {"elsewhere": "person 8"}
    draw, to = k_same.draw_averages, photos.parent / "to"

    def change(image: np.ndarray, *rest: Any) -> np.ndarray:
        save(photos, "set/8.png", picture(30))
        return draw(image, *rest)

    k_same_pictures(photos, to, 2, persons=known)
    with monkeypatch.context() as during:
        during.setattr(k_same, "draw_averages", change)
        done = k_same_pictures(photos, to, 2, persons=known)
    reasons = {each.name: each.reason for each in done.left_out}
    assert reasons.pop("broken.png")
    assert reasons == {
        "empty.png": NO_FACE,
        "failing.png": "mtcnn failed (RuntimeError)",
        "set/8.png": CHANGED,
        "stranger.png": NO_PERSON,
    }
    assert done.written == 8
    assert set(drawn(to)) == {f"set/{number}" for number in range(8)}


def test_a_run_that_was_ended_goes_on(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to, record = photos.parent / "to", photos.parent / "to.k_same.json"
    k_same_pictures(photos, to, 3)
    whole = drawn(to)
    k_same_pictures(photos, to, 2)
    left = [3]

    def stop(*given: Any) -> bytes:
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return encode(*given)

    encode = k_same.encode
    with monkeypatch.context() as during:
        during.setattr(k_same, "encode", stop)
        with pytest.raises(KeyboardInterrupt):
            k_same_pictures(photos, to, 3)
    assert not record.exists()
    k_same_pictures(photos, to, 3)
    assert json.loads(record.read_text("utf-8"))["k"] == 3
    again = drawn(to)
    assert all(np.array_equal(whole[name], again[name]) for name in whole)
    assert {path.name for path in photos.parent.iterdir()} == {"photos", "to", "to.k_same.json"}


def test_a_folder_with_other_pictures_is_refused(photos: Path) -> None:
    """They would be taken for averaged ones: of an image that is gone, or in which is no face."""
    to = photos.parent / "to"
    k_same_pictures(photos, to, 2)
    save(photos, "set/4.png", picture(4, 2))
    with pytest.raises(InputError, match=r"holds 1 file that this command does not write, set/4\."):
        k_same_pictures(photos, to, 2)
    (photos / "set/4.png").unlink()
    with pytest.raises(InputError, match=r"set/4\.png for one: remove them, or name another"):
        k_same_pictures(photos, to, 2)


def test_what_is_asked_wrongly_is_refused_before_anything_is_written(
    photos: Path, tmp_path: Path
) -> None:
    def refused(match: str, k: int = 2, to: str = "to", **named: Any) -> None:
        with pytest.raises(InputError, match=match):
            k_same_pictures(photos, tmp_path / to, k, **named)

    refused("k = 1: of fewer than 2 nothing is averaged", 1)
    refused(r"k = 10: .*photos has 9 different faces, and a mean needs 10; name a smaller k", 10)
    refused("k = 5: .*photos has 4 persons, and a mean needs 5", 5, persons=PERSONS)
    refused("is in the folder of the originals", to="photos/to")
    refused("there is no such detector", detectors=["mtnn"])
    refused("persons: 1 image with a person, and none", persons={"a": "b"})
    file = tmp_path / "persons.csv"
    refused("persons.csv cannot be read", persons=file)
    file.write_text("id,who\na,b\n")
    refused(r"needs columns id \(or path\) and person; it has id, who", persons=file)
    file.write_text("path,person\na,b\na,c\n")
    refused("path 'a' is of two persons", persons=file)
    file.write_text("id,person\nset/0,b\nset/0.png,c\n")
    refused("image 'set/0.png' is of two persons", persons=file)
    (tmp_path / "taken").write_text("")
    refused("a file has this name", to="taken")
    assert {path.name for path in tmp_path.iterdir()} == {"photos", "persons.csv", "taken"}


def test_one_image_is_no_group(tmp_path: Path) -> None:
    save(tmp_path, "photo.png", picture(0))
    with pytest.raises(InputError, match="has 1 different face, and a mean needs 2"):
        k_same_pictures(tmp_path / "photo.png", tmp_path / "to", 2)
    assert not (tmp_path / "to").exists()


def test_persons_come_from_a_table_of_ids_or_paths(photos: Path) -> None:
    file = photos.parent / "persons.csv"
    lines = [f"set/{number}.png,{'ab'[number % 2]} " for number in range(9)]
    file.write_text("\n".join(["path,person", *lines, "gone.png,NA", "set/8.png,a "]))
    done = k_same_pictures(photos, photos.parent / "to", 2, persons=file)
    assert (done.members, done.written) == (2, 9)


def test_the_folder_is_judged_as_another_programs(photos: Path) -> None:
    to = photos.parent / "to"
    k_same_pictures(photos, to, 2, persons=PERSONS)
    rows = []
    for path in sorted(photos.rglob("*.png")):
        name, data = path.relative_to(photos).as_posix(), path.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        rows.append((name.removesuffix(".png"), name, len(data), digest, *SHAPE[1::-1]))
    manifest = pd.DataFrame(rows, columns=["id", "path", "bytes", "digest", "width", "height"])
    reasons = reasons_of_given("photos", manifest, {"k_same": to}, Limits(10**6))
    assert set(reasons) == {""}
    given_shard(
        manifest=manifest,
        root=photos,
        boxes=box_table({name: [FACE] for name in manifest["id"]}, 0),
        images=pd.DataFrame({"id": manifest["id"], "status": "ok"}),
        program="k_same",
        folder=to,
        settings=Anonymization(),
        keep_without_regions=False,
        max_pixels=10**6,
        output=photos.parent / "0.tar",
        compared=photos.parent / "0.parquet",
    )
    table = pd.read_parquet(photos.parent / "0.parquet")
    assert table.loc[table["entity"] == "face", "state"].tolist() == [State.HIDDEN] * 9
    assert (table.loc[table["entity"] == "", "changed"] < 0.01).all()  # along the border
