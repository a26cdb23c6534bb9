"""The written folders: layout, lists, truth, determinism, and what happens to what was there."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import zxingcpp

from anonbench.config import Demo, IdsDemo, PortraitsDemo
from anonbench.core.boxes import BOX_COLUMNS, read_boxes
from anonbench.core.errors import InputError
from anonbench.datasets.images import read_image
from anonbench_demo import build, expected_listing, generate

KINDS = ("portraits", "documents", "ids")
SIZES = {"portraits": (218, 178, 3), "documents": (640, 496), "ids": (420, 600, 3)}
FEW = IdsDemo(train_per_template=1, val_per_template=1)


def contents(folder: Path) -> dict[str, str]:
    """Return the digest of every file of a folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def words(path: Path) -> list[list[str]]:
    return [line.split() for line in path.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_listing_and_truth_are_of_what_is_written(
    kind: str, demos: dict[str, Demo], drawn: dict[str, Path]
) -> None:
    listing = expected_listing(demos[kind])
    assert list(listing.columns) == ["id", "path", "split"]
    assert listing["id"].is_monotonic_increasing and listing["id"].is_unique
    files = [path for end in ("*.jpg", "*.tif") for path in drawn[kind].rglob(end)]
    assert {path.relative_to(drawn[kind]).as_posix() for path in files} == set(listing["path"])
    assert {read_image(path).shape for path in files} == {SIZES[kind]}
    boxes = read_boxes(drawn[kind] / "truth/boxes.parquet")
    assert list(boxes.columns) == BOX_COLUMNS
    assert set(boxes["id"]) == set(listing["id"])
    corners = boxes[["x0", "y0", "x1", "y1"]].to_numpy()
    height, width = SIZES[kind][:2]
    assert corners.min() >= 0
    assert (corners[:, 2:] <= (width, height)).all()
    assert (corners[:, 2:] - corners[:, :2] >= 2).all()
    quads = boxes[[f"q{corner}" for corner in range(8)]].to_numpy().reshape(-1, 4, 2)
    is_slanted = ~np.isnan(quads[:, 0, 0])
    hull = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
    np.testing.assert_allclose(hull[is_slanted], corners[is_slanted], atol=1e-3)


def test_celeba_lists_agree(demos: dict[str, Demo], drawn: dict[str, Path]) -> None:
    root = drawn["portraits"]
    listing = expected_listing(demos["portraits"])
    (count,), header, *rows = words(root / "list_attr_celeba.txt")
    assert int(count) == len(rows) == len(listing)
    assert header == sorted(header) and {"Bald", "Male", "Wearing_Necktie"} <= set(header)
    assert {value for row in rows for value in row[1:]} <= {"1", "-1"}
    parts = {"0": "train", "1": "val"}
    split = [
        (Path(name).stem, parts[part]) for name, part in words(root / "list_eval_partition.txt")
    ]
    assert split == list(zip(listing["id"], listing["split"], strict=True))
    identity = dict(words(root / "identity_CelebA.txt"))
    assert [row[0] for row in rows] == list(identity)
    male = [row[1 + header.index("Male")] for row in rows]
    people = listing.assign(identity=list(identity.values()), male=male).groupby("identity")
    assert (people.size() == 2).all()
    assert (people[["split", "male"]].nunique() == 1).all(axis=None)


def test_id_documents_have_every_entity(drawn: dict[str, Path]) -> None:
    root = drawn["ids"]
    boxes = read_boxes(root / "truth/boxes.parquet")
    counts = boxes.groupby(["id", "entity"]).size().unstack()
    assert (counts[["face", "mrz", "barcode"]] == 1).all(axis=None)
    assert (counts["text"] >= 10).all()
    for image in counts.index:
        assert len(zxingcpp.read_barcodes(read_image(root / f"{image}.jpg"))) == 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_bytes_other_seed_other_bytes(
    kind: str, demos: dict[str, Demo], drawn: dict[str, Path], tmp_path: Path
) -> None:
    generate(demos[kind], tmp_path / "again", seed=0)
    again, first = contents(tmp_path / "again"), contents(drawn[kind])
    assert again == first
    if kind != "portraits":  # that a drawing has its seed is tested beside drawings
        return
    generate(demos[kind], tmp_path / "other", seed=1)
    other = contents(tmp_path / "other")
    assert other.keys() == first.keys()
    images = [name for name in first if name.endswith((".jpg", ".tif"))]
    assert all(other[name] != first[name] for name in images)


@pytest.mark.slow
def test_counts_do_not_change_an_image(drawn: dict[str, Path], tmp_path: Path) -> None:
    generate(FEW, tmp_path / "few", seed=0)
    few, more = contents(tmp_path / "few"), contents(drawn["ids"])
    images = [name for name in few if name.endswith(".jpg")]
    assert len(images) == 8
    assert all(few[name] == more[name] for name in images)


def test_demo_data_are_kept_and_replaced_by_other_settings(tmp_path: Path) -> None:
    seen = []
    for _ in range(2):
        generate(FEW, tmp_path / "data", seed=0)
        seen.append({path: path.stat().st_mtime_ns for path in (tmp_path / "data").rglob("*")})
    assert seen[0] == seen[1]
    portraits = PortraitsDemo(train_identities=1, val_identities=1, photos=1)
    generate(portraits, tmp_path / "data", seed=0)
    assert not (tmp_path / "data/train").exists()
    assert (tmp_path / "data/img_align_celeba/000002.jpg").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("marker", [None, "not JSON", "[]", '{"demo": {}}'])
def test_data_of_ones_own_is_never_overwritten(tmp_path: Path, marker: str | None) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "holiday.jpg").write_bytes(b"precious")
    if marker is not None:
        (mine / "demo.json").write_text(marker)
    before = contents(mine)
    with pytest.raises(InputError, match="no demo data"):
        generate(FEW, mine, seed=0)
    assert contents(mine) == before


def test_a_broken_run_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("killed")

    monkeypatch.setattr(build, "write_boxes", fail)
    with pytest.raises(RuntimeError, match="killed"):
        generate(FEW, tmp_path / "ids", seed=0)
    assert list(tmp_path.iterdir()) == []


SKETCHES = {
    "portraits": (10, 96.87, 174.55),
    "documents": (1430, 269.57, 240.83),
    "ids": (270, 225.29, 197.55),
}
"""Regions, the mean of their coordinates in pixels, and the mean grey level, by kind."""
SKETCHED = 3
"""The version that the sketches are of."""


@pytest.mark.parametrize("kind", KINDS)
def test_changed_drawings_have_another_version(kind: str, drawn: dict[str, Path]) -> None:
    """Where this fails: raise `build.VERSION`, `SKETCHED` with it, and write the new sketch."""
    boxes = read_boxes(drawn[kind] / "truth" / "boxes.parquet")
    files = sorted(path for end in ("*.jpg", "*.tif") for path in drawn[kind].rglob(end))
    grey = np.mean([read_image(path).mean() for path in files])
    sketch = (len(boxes), boxes[["x0", "y0", "x1", "y1"]].to_numpy().mean(), grey)
    assert build.VERSION == SKETCHED
    assert sketch == pytest.approx(SKETCHES[kind], abs=0.05), sketch
