from __future__ import annotations

import io
import os
import posixpath
import shutil
import subprocess
import tarfile
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from anonbench.core.errors import InputError
from anonbench.datasets.image_sets.shards import (
    INDEX_COLUMNS,
    ImageSet,
    ShardWriter,
    index_path,
    member_name,
    open_sets,
)
from anonbench.datasets.images import encode

IDS = ["a/1", "a/1.5", "b c/ü", "y" * 150, "zz"]


def image(image_id: str) -> np.ndarray:
    random = np.random.default_rng(len(image_id))
    return random.integers(0, 256, (7, 5) if len(image_id) % 2 else (7, 5, 3), dtype=np.uint8)


def write(tar: Path, ids: list[str]) -> Path:
    with ShardWriter(tar) as shard:
        for image_id in ids:
            shard.add(image_id, encode(image(image_id)), "png", 5, 7)
    return tar


def test_images_come_back_by_id_from_any_shard(tmp_path: Path) -> None:
    shards = [write(tmp_path / "0.tar", IDS[::2]), write(tmp_path / "1.tar", IDS[1::2])]
    images = ImageSet.open(shards)
    assert images.ids == sorted(IDS) and len(images) == len(IDS)
    assert images.sizes == dict.fromkeys(sorted(IDS), (5, 7))
    assert images.size(IDS[0]) == (5, 7)
    assert "a/1" in images and "a" not in images
    for image_id in reversed(IDS):
        np.testing.assert_array_equal(images.read(image_id), image(image_id))


def test_shards_are_plain_tar_files_without_times_or_owners(tmp_path: Path) -> None:
    with tarfile.open(write(tmp_path / "0.tar", IDS)) as tar:
        members = tar.getmembers()
        assert [member.name for member in members] == [member_name(i, "png") for i in IDS]
        assert {(m.mtime, m.uid, m.gid, m.uname, m.gname) for m in members} == {(0, 0, 0, "", "")}
        content = tar.extractfile(members[0])
        assert content is not None and content.read() == encode(image(IDS[0]))


def test_same_images_same_bytes_and_the_digest_does_not_depend_on_sharding(tmp_path: Path) -> None:
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
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.sets(_IDS, min_size=1, max_size=8))
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


def test_empty_shards_are_fine(tmp_path: Path) -> None:
    shards = [write(tmp_path / "0.tar", []), write(tmp_path / "1.tar", ["a"])]
    assert ImageSet.open(shards).ids == ["a"]
    empty = ImageSet.open(shards[:1])
    assert empty.ids == [] and len(empty.digest) == 64
    assert list(pd.read_parquet(index_path(shards[0])).columns) == INDEX_COLUMNS


def test_several_sets_are_told_apart_by_their_folders(tmp_path: Path) -> None:
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


def test_other_processes_read_the_same(tmp_path: Path) -> None:
    images = ImageSet.open([write(tmp_path / "0.tar", IDS)])
    expected = [_sum(images, image_id) for image_id in IDS]  # opens the file before the fork
    with ProcessPoolExecutor(2, get_context("fork")) as pool:
        assert list(pool.map(_sum, [images] * len(IDS), IDS)) == expected
