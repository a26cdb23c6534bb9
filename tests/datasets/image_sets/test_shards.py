"""Image sets: shards, neutral names, doubts, near-duplicates."""

import io
import json
import os
import posixpath
import shutil
import subprocess
import tarfile
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonbench.config import load
from anonbench.core.errors import InputError
from anonbench.core.io import write_parquet
from anonbench.datasets import near_duplicates as near
from anonbench.datasets.image_sets.doubts import Doubts, doubts_in_counts, doubts_of_run
from anonbench.datasets.image_sets.neutral_names import Names, without_places
from anonbench.datasets.image_sets.shards import (
    INDEX_COLUMNS,
    ImageSet,
    ShardWriter,
    index_path,
    member_name,
    open_sets,
)
from anonbench.datasets.images import encode
from written_counts import write as write_counts

IDS = ["a/1", "a/1.5", "b c/ü", "y" * 150, "zz"]


def image(image_id: str) -> np.ndarray:
    random = np.random.default_rng(len(image_id))
    return random.integers(0, 256, (7, 5) if len(image_id) % 2 else (7, 5, 3), dtype=np.uint8)


def write(tar: Path, ids: list[str]) -> Path:
    with ShardWriter.open(tar) as shard:
        for image_id in ids:
            shard.add(image_id, encode(image(image_id)), "png", 5, 7)
    return tar


def test_shards_are_plain_tar_files_and_the_same_for_the_same_images(tmp_path: Path) -> None:
    with tarfile.open(write(tmp_path / "0.tar", IDS)) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [member_name(i, "png") for i in IDS]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
        content = tar.extractfile(members[0])
        assert content is not None and content.read() == encode(image(IDS[0]))
    one, two = write(tmp_path / "a/0.tar", IDS), write(tmp_path / "c/0.tar", IDS)
    assert one.read_bytes() == two.read_bytes()
    assert index_path(one).read_bytes() == index_path(two).read_bytes()
    parts = [write(tmp_path / "b/0.tar", IDS[:2]), write(tmp_path / "b/1.tar", IDS[2:])]
    whole = ImageSet.open([one])
    assert ImageSet.open(parts).digest == whole.digest
    assert ImageSet.open(parts[:1]).digest != whole.digest


_PARTS = st.sampled_from(["", ".", "..", "a", "A", "con", "a ", " a", "~", "%", "%2E", "\\", "\0"])
_HOSTILE = st.lists(_PARTS | st.text(max_size=4), max_size=5).map("/".join)
_IDS = _HOSTILE | st.text(max_size=300) | _HOSTILE.map(lambda text: text + "x" * 300)


def _unpack_with_python(tar: Path, folder: Path) -> None:
    with tarfile.open(tar) as archive:
        archive.extractall(folder, filter="fully_trusted")


def _unpack_with_tar(tar: Path, folder: Path) -> None:
    subprocess.run(["tar", "-xPf", tar, "-C", folder], check=True)


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.sets(_IDS, min_size=20, max_size=40))
def test_any_ids_unpack_below_the_folder_and_stay_apart(tmp_path: Path, ids: set[str]) -> None:
    home = Path(tempfile.mkdtemp(dir=tmp_path))
    unpacked, tar = home / "in", home / "0.tar"
    with tarfile.open(tar, "w", format=tarfile.PAX_FORMAT) as archive:
        for image_id in sorted(ids):
            member = tarfile.TarInfo(member_name(image_id, "png"))
            assert not member.name.startswith("/")  # not to write elsewhere where this fails
            member.size = len(data := image_id.encode("utf-8", "surrogatepass"))
            archive.addfile(member, io.BytesIO(data))
    for unpack in (_unpack_with_python, _unpack_with_tar):
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()
        unpack(tar, unpacked)
        assert {path.name for path in home.iterdir()} == {"in", "0.tar"}
        files = [path for path in unpacked.rglob("*") if path.is_file()]
        found = [path.read_bytes().decode("utf-8", "surrogatepass") for path in files]
        assert sorted(found) == sorted(ids)


@pytest.mark.parametrize(
    "image_id",
    ["con", "COM1", "a ", " a", "nul/x", "x" * 400, "身" * 85, "/etc/passwd", "a/../../x", "", "."],
)
def test_names_are_short_relative_paths_that_any_file_system_takes(image_id: str) -> None:
    name = member_name(image_id, "png")
    assert posixpath.normpath(name) == name and not name.startswith(("/", ".."))
    assert name.isascii() and name.count(".") == 1
    for part in name.split("/"):
        stem = part.removesuffix(".png")
        assert len(part) <= 204 and stem == stem.strip(" .")
        assert stem.upper() not in ("CON", "COM1", "NUL")


def test_sets_are_told_apart_by_their_folders_and_may_be_empty(tmp_path: Path) -> None:
    shards = [write(tmp_path / "0.tar", []), write(tmp_path / "1.tar", ["a"])]
    assert ImageSet.open(shards).ids == ["a"]
    empty = ImageSet.open(shards[:1])
    assert empty.ids == [] and len(empty.digest) == 64
    assert list(pd.read_parquet(index_path(shards[0])).columns) == INDEX_COLUMNS
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    tars = [write(tmp_path / name, [name]) for name in ("a/0.tar", "a/1.tar", "b/0.tar")]
    files = [path for tar in tars for path in (tar, index_path(tar))]
    sets = open_sets(["a", "b"], files)
    ids = {name: images.ids for name, images in sets.items()}
    assert ids == {"a": ["a/0.tar", "a/1.tar"], "b": ["b/0.tar"]}
    assert open_sets([], []) == {}
    with pytest.raises(InputError, match="6 files in 2 folders are no 3 image sets"):
        open_sets(["a", "b", "c"], files)


def test_mistakes_are_named(tmp_path: Path) -> None:
    shard = write(tmp_path / "0.tar", ["a"])
    twin = write(tmp_path / "1.tar", ["a"])
    with pytest.raises(InputError, match="'a' occurs in two shards"):
        ImageSet.open([shard, twin])
    with pytest.raises(InputError, match="'b' is not in"):
        ImageSet.open([shard]).read("b")
    with pytest.raises(InputError, match="at least one shard"):
        ImageSet.open([])
    index_path(twin).unlink()
    with pytest.raises(InputError, match=r"1\.parquet is missing"):
        ImageSet.open([twin])
    os.truncate(shard, 600)
    with pytest.raises(InputError, match="not as its index says"):
        ImageSet.open([shard]).read("a")
    for second in ("a", "A"):
        with pytest.raises(ValueError, match="does not come after"):
            write(tmp_path / "failed" / "0.tar", ["a", second])
    assert list((tmp_path / "failed").iterdir()) == []  # nothing is left of such a shard


def _sum(images: ImageSet, image_id: str) -> int:
    return int(images.read(image_id).sum())


def test_images_come_back_by_id_in_any_process(tmp_path: Path) -> None:
    shards = [write(tmp_path / "0.tar", IDS[::2]), write(tmp_path / "1.tar", IDS[1::2])]
    images = ImageSet.open(shards)
    assert images.ids == sorted(IDS) and len(images) == len(IDS)
    assert images.ids is images.ids  # made once: low-rank updates ask for each image's id
    assert images.sizes == dict.fromkeys(sorted(IDS), (5, 7))
    assert images.size(IDS[0]) == (5, 7)
    assert "a/1" in images and "a" not in images
    for image_id in reversed(IDS):
        np.testing.assert_array_equal(images.read(image_id), image(image_id))
    images = ImageSet.open([write(tmp_path / "0.tar", IDS)])
    expected = [_sum(images, image_id) for image_id in IDS]  # opens the file before the fork
    with ProcessPoolExecutor(2, get_context("fork")) as pool:
        assert list(pool.map(_sum, [images] * len(IDS), IDS)) == expected


LISTED = ["b/10", "a 2", "Ä", "b/9", "a/1"]
FILE = Path("somewhere.parquet")


def test_reading_many_shards_leaves_no_file_open(tmp_path: Path) -> None:
    tars = [write(tmp_path / f"{number}.tar", [image_id]) for number, image_id in enumerate(IDS)]
    images = ImageSet.open([*tars, *map(index_path, tars)])
    before = sorted(Path("/proc/self/fd").iterdir())
    for image_id in images.ids:
        images.read(image_id)
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_images_and_classes_have_the_order_of_their_names() -> None:
    numbers = Names(LISTED, []).images(pd.Series(LISTED, dtype="str"), FILE)
    assert numbers.tolist() == ["000003", "000001", "000005", "000004", "000002"]
    assert sorted(LISTED) == [LISTED[i] for i in numbers.sort_values().index]
    many = Names([f"{number:07d}" for number in range(1_000_000)], [])
    asked = pd.Series(["0000000", "0999999"])  # seven digits for a million
    assert many.images(asked, FILE).tolist() == ["0000001", "1000000"]
    labels = [f"person {number}" for number in range(12)]
    names = Names([], labels)
    found = names.classes(pd.Series(labels), FILE)
    assert found.iloc[0] == "class 01" and found.iloc[2] == "class 05"
    assert found.sort_values().index.tolist() == pd.Series(labels).sort_values().index.tolist()
    missing = names.classes(pd.Series(["person 3", None]), FILE)
    assert missing.isna().tolist() == [False, True]


def test_labels_are_text_and_unlisted_ones_refused(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a", "b", "c"], "old": pd.array([1, 1, 0], dtype="Int8")})
    write_parquet(table, tmp_path / "manifest.parquet")
    names = Names.of(tmp_path / "manifest.parquet", "old")
    assert names.classes(pd.Series(["0", "1"]), FILE).tolist() == ["class 1", "class 2"]
    stored = pd.read_parquet(tmp_path / "manifest.parquet")["old"]
    assert names.classes(stored, FILE).tolist() == ["class 2", "class 2", "class 1"]
    names = Names(LISTED, ["one"])
    for ask in (names.images, names.classes):
        for unknown in ("", "zz", "b/100"):
            with pytest.raises(InputError, match=r"somewhere\.parquet: 1 rows are of") as error:
                ask(pd.Series([unknown]), FILE)
            assert repr(unknown) not in str(error.value)
    with pytest.raises(InputError, match="images cannot be numbered"):
        Names.of(tmp_path / "none.parquet")


def test_a_config_without_places_is_the_same_experiment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "by/anna").mkdir(parents=True)
    place = "/home/anna"
    archive = {"layout": "folder", "path": f"{place}/x", "detectors": ["mtcnn"], "label": "class"}
    given = {"results": f"{place}/results", "privacy": {"recognizer": f"{place}/face.onnx"}}
    given |= {"detection": {"mrz": {"weights": f"{place}/mrz.onnx"}}}
    program = f"python {place}/a.py --in={{images}} '{place}/b c' {{vectors}} by/anna ~/anna"
    systems = {
        "theirs": {"kind": "vectors", "path": f"{place}/{{variant}}-anna.npz"},
        "program": {"kind": "command", "command": program},
        "folder": {"kind": "huggingface", "name": f"{place}/model"},
        "near": {"kind": "huggingface", "name": "by/anna"},
        "placed": {"kind": "timm", "name": f"local-dir:{place}/model"},
        "hub": {"kind": "huggingface", "name": "facebook/dinov2-small"},
    }
    given |= {"systems": systems}
    given |= {"datasets": {"archive": archive, "hidden": archive | {"enabled": False}}}
    config = without_places(load(given))
    assert "anna" not in json.dumps(config.model_dump(mode="json"))
    assert config.systems["hub"].model == "facebook/dinov2-small"
    shown = "python withheld --in={images} withheld {vectors} withheld withheld"
    assert config.systems["program"].command == shown
    assert list(config.datasets) == ["archive"]
    assert config.datasets["archive"].label == "class"
    assert config.recipes == load(given).recipes


def test_doubts_are_counted_and_told_of_each_data_set(tmp_path: Path) -> None:
    rows = [("train", 100, 3, 2, 10, 85, 0, 0, 0), ("val", 20, 0, 0, 2, 18, 0, 0, 0)]
    write_counts(tmp_path, rows)
    found = doubts_in_counts(pd.read_csv(tmp_path / "counts.csv").to_dict("records"))
    said = "12 images without a region and 2 with a failed detector are left out"
    assert found == Doubts(12, 2) and found.summary() == said
    assert not Doubts() and not Doubts().summary()
    rows = [("train", 100, 0, 0, 10, 100, 10, 1, 3), ("val", 20, 0, 0, 2, 20, 2, 0, 4)]
    write_counts(tmp_path, rows)
    found = doubts_in_counts(pd.read_csv(tmp_path / "counts.csv").to_dict("records"))
    assert found == Doubts(0, 0, 12, 1, 7)
    assert found.summary() == (
        "PUBLISHED UNHIDDEN: 12 images without a region are in every image set as in the original "
        "(keep_without_regions); PUBLISHED PARTLY HIDDEN: 1 image on which a detector failed is in "
        "every image set; what it would have found is visible (keep_failed); DOUBTFUL: 7 images "
        "to look at, as the detectors were not sure or were never measured on such images "
        "(`anonbench review` shows them first)"
    )
    write_counts(
        tmp_path / "a", [("train", 9, 0, 1, 0, 8, 0, 0, 0), ("val", 8, 0, 0, 0, 8, 0, 0, 0)]
    )
    write_counts(
        tmp_path / "b", [("train", 9, 0, 0, 0, 9, 0, 0, 0), ("val", 8, 0, 0, 0, 8, 0, 0, 0)]
    )
    (tmp_path / "old").mkdir()
    (tmp_path / "old/counts.csv").write_text("split,listed\ntrain,3\n")
    lines = doubts_of_run(tmp_path, dict.fromkeys(("a", "b", "old", "nowhere")))
    assert lines[0] == "a: 1 image with a failed detector is left out"
    assert [line.split(": ")[0] for line in lines] == ["a", "old"]
    assert lines[1].endswith("cannot be read: what is published in doubt is not known")


def page(seed: int) -> np.ndarray:
    """Dark lines on paper, uint8 [300, 200]."""
    image, draw = np.full((300, 200), 240, np.uint8), np.random.default_rng(seed)
    for top in range(20, 280, 20):
        image[top : top + 8, 10 : draw.integers(20, 190)] = draw.integers(0, 120)
    return image


def test_hashes_are_imagehashs_and_near_after_small_changes() -> None:
    drawn = np.add.outer(np.arange(90) ** 2 // 7, 5 * np.arange(120)) % 256
    # of imagehash 4.3: str(imagehash.phash(Image.fromarray(drawn)))
    assert f"{near.perceptual_hash(drawn.astype(np.uint8)):016x}" == "d252060707adfdf8"
    flat = (np.full((9, 7), grey, np.uint8) for grey in (1, 90, 255))
    assert len(set(map(near.perceptual_hash, flat))) == 1  # of one colour
    pages = [page(seed) for seed in range(12)]
    whole = np.array([near.perceptual_hash(each) for each in pages], np.uint64)
    for change in (
        lambda image: cv2.imdecode(
            cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0
        ),
        lambda image: np.repeat(image[:, :, None] // 2 + 40, 3, axis=2),
        lambda image: cv2.resize(image, (120, 180), interpolation=cv2.INTER_AREA),
    ):
        changed = np.array([near.perceptual_hash(change(each)) for each in pages], np.uint64)
        apart = near.distances(whole, changed)
        assert np.diag(apart).max() <= 6
        assert apart[~np.eye(12, dtype=bool)].min() > 6


@given(st.integers(0, 1000), st.integers(0, 12), st.integers(0, 60))
def test_distinct_images_are_taken_in_turn(seed: int, distance: int, count: int) -> None:
    draw = np.random.default_rng(seed)
    # few bits vary, so that many are near
    hashes = draw.integers(0, 1 << 16, count).astype(np.uint64)
    order = draw.permutation(count)
    expected: list[int] = []
    for each in order.tolist():
        if all((int(hashes[each]) ^ int(hashes[i])).bit_count() > distance for i in expected):
            expected.append(each)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "BLOCK", 7)
        assert near.distinct(hashes, order, distance).tolist() == sorted(expected)


def test_hashes_of_all_shards_and_their_order(tmp_path: Path) -> None:
    ids = [f"class{number // 100}/{number:03d}" for number in range(300)]
    classes = near.random_order(ids) // 100
    assert sorted(np.bincount(classes[:150], minlength=3))[0] > 30
    again = near.random_order(ids[::-1])
    assert [ids[::-1][place] for place in again] == [ids[place] for place in near.random_order(ids)]
    files = []
    for shard in range(2):
        with ShardWriter.open(tmp_path / f"{shard}.tar") as writer:
            for number in range(3 * shard, 3 * shard + 3):
                writer.add(f"{number}", encode(page(number)), "png", 200, 300)
        files.append(tmp_path / f"{shard}.hashes.parquet")
        near.write_hashes(ImageSet.open([tmp_path / f"{shard}.tar"]), files[-1])
    ids = ["5", "0", "3"]
    expected = [near.perceptual_hash(page(int(each))) for each in ids]
    assert near.read_hashes(files, ids).tolist() == expected
    assert pd.read_parquet(files[0]).dtypes["hash"] == np.uint64
    with pytest.raises(InputError, match="1 images have no perceptual hash, such as '7'"):
        near.read_hashes(files, ["0", "7"])
