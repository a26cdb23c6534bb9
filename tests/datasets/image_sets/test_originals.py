"""Originals: read where they are, as their manifest describes them, or not at all."""

import multiprocessing
import os
import pickle
import stat
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch.utils.data import DataLoader

from anonbench.core.errors import ChangedImage, InputError
from anonbench.core.io import atomic, make_private
from anonbench.datasets.image_sets import shards
from anonbench.datasets.images import read_image
from image_files import turned
from image_sets import listed

IDS = ["a", "b/c", "d"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a data set's folder: JPEG on its side, 16-bit PNG, grey TIFF."""
    folder = tmp_path / "data"
    (folder / "b").mkdir(parents=True)
    random = np.random.default_rng(0)
    colour = random.integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(colour).save(folder / "a.jpg", exif=turned())
    Image.fromarray(random.integers(0, 65536, (9, 7)).astype(np.uint16)).save(folder / "b/c.png")
    Image.fromarray(colour[..., 0]).save(folder / "d.tif", compression="tiff_lzw")
    return folder


PATHS = {"a": "a.jpg", "b/c": "b/c.png", "d": "d.tif"}


def manifest(root: Path) -> pd.DataFrame:
    return listed(root, reversed(PATHS.values())).assign(split="train")


@pytest.fixture
def index(root: Path, tmp_path: Path) -> Path:
    """Return the index of a shard of all images of `root`, and one of another that is left out."""
    output = tmp_path / "results/set/images/original/train/0.parquet"
    images = pd.DataFrame({"id": [*IDS, "x"], "status": ["ok", "partial", "ok", "unreadable"]})
    shards.write_index(manifest(root), images, False, output)
    return output


def test_files_are_read_in_place(root: Path, index: Path) -> None:
    assert list(pd.read_parquet(index).columns) == shards.ORIGINAL_COLUMNS
    in_place = shards.ImageSet.open([index], root)
    assert in_place.ids == IDS
    for image_id, path in PATHS.items():
        expected = read_image(root / path)
        assert in_place.size(image_id) == expected.shape[1::-1]
        for images in (in_place, pickle.loads(pickle.dumps(in_place))):
            assert images.read_bytes(image_id) == (root / path).read_bytes()
            np.testing.assert_array_equal(images.read(image_id), expected)


def _same_size_and_time(path: Path) -> None:
    before, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def _replaced(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.unlink()
        make(path)

    return change


CHANGES = {"same size and time": _same_size_and_time}
CHANGES |= {"sparse": lambda path: os.truncate(path, 10**12)}
CHANGES |= {"device": _replaced(lambda path: path.symlink_to("/dev/zero"))}
CHANGES |= {"pipe": _replaced(os.mkfifo), "folder": _replaced(Path.mkdir), "gone": Path.unlink}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_file_is_refused(root: Path, index: Path, change: Callable[[Path], None]) -> None:
    images = shards.ImageSet.open([index], root)
    images.read("a")
    change(root / "a.jpg")
    began = time.monotonic()
    with pytest.raises(ChangedImage, match="image 'a' was changed or replaced"):
        images.read("a")
    assert time.monotonic() - began < 5
    images.read("d")


class _Reader:
    def __init__(self, images: shards.ImageSet) -> None:
        self._images = images

    def __len__(self) -> int:
        return 1

    def __getitem__(self, number: int) -> np.ndarray:
        return self._images.read("a")


@pytest.mark.slow
def test_a_loader_process_says_it_in_the_same_words(root: Path, index: Path) -> None:
    images = shards.ImageSet.open([index], root)
    (root / "a.jpg").write_bytes(b"?")
    loader = DataLoader(_Reader(images), batch_size=None, num_workers=1)  # type: ignore[arg-type]
    with pytest.raises(ChangedImage) as error:
        next(iter(loader))
    assert str(error.value).startswith("image 'a' was changed")
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_sets_of_any_number_of_files_are_opened(root: Path, index: Path, tmp_path: Path) -> None:
    hidden = tmp_path / "results/set/images/mask-100/train/0.tar"
    with shards.ShardWriter.open(hidden) as shard:
        for image_id in IDS:
            shard.add(image_id, b"hidden", "png", 1, 1)
    files = [index, hidden, hidden.with_suffix(".parquet")]
    sets = shards.open_sets(["original", "mask-100"], files, root)
    assert {name: images.ids for name, images in sets.items()} == dict.fromkeys(sets, IDS)
    assert sets["mask-100"].read_bytes("a") == b"hidden"
    assert sets["original"].read_bytes("a") == (root / "a.jpg").read_bytes()
    with pytest.raises(InputError, match="without its tar"):
        shards.ImageSet.open([hidden.with_suffix(".parquet")])
    with pytest.raises(ValueError, match="root"):
        shards.ImageSet.open([index])


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o027, 0o640)])
def test_results_folder_is_its_owners_and_umask(tmp_path: Path, umask: int, expected: int) -> None:
    results = tmp_path / "a/results"
    before = os.umask(umask)
    try:
        make_private(results)
        with atomic(results / "backbone.safetensors") as temporary:
            save_file({"a": torch.zeros(1)}, temporary)  # it makes its files the owner's
    finally:
        os.umask(before)
    assert mode(results) == 0o700 and mode(results / "backbone.safetensors") == expected
    results.chmod(0o750)
    make_private(results)
    assert mode(results) == 0o750  # an old one stays as it is


def _swap(path: Path, good: bytes, bad: bytes, stop: object) -> None:
    while not stop.is_set():  # type: ignore[attr-defined]
        for data in (bad, good):
            with path.open("r+b") as file:  # in place: a reader may see some of each
                file.write(data)


@pytest.mark.slow
def test_a_swapped_file_gives_one_or_the_other(root: Path, index: Path) -> None:
    images, good = shards.ImageSet.open([index], root), (root / "a.jpg").read_bytes()
    bad = good[:-1] + b"?"
    stop = multiprocessing.Event()
    swapper = multiprocessing.Process(target=_swap, args=(root / "a.jpg", good, bad, stop))
    swapper.start()
    outcomes = set()
    end = time.monotonic() + 2
    while time.monotonic() < end and outcomes != {True, None}:
        try:
            outcomes.add(images.read_bytes("a") == good)
        except ChangedImage:
            outcomes.add(None)
    stop.set()
    swapper.join()
    assert outcomes == {True, None}
