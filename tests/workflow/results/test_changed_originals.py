"""Originals replaced when a file is written (see `swapper`): refused by each reader."""

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zxingcpp
from PIL import Image

import small_archive
from anonbench.datasets.image_sets.shards import ImageSet
from small_archive import results_of

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

SWAPPER = Path(__file__).parent / "swapper"
BACKBONE = "models/unadapted/seed0/backbone.safetensors"
EMBEDDING = "embeddings/unadapted/seed0/original/val.h5"
READERS = [
    ("manifest.parquet", "detect/train/0.boxes.parquet", "detect/train/0"),
    ("detect/train/0.images.parquet", "images/mask-100/train/0.tar", "anonymize/mask-100/train/0"),
    ("images/original/train/0.parquet", BACKBONE, "train/unadapted/seed0"),
    (BACKBONE, EMBEDDING, "embed/unadapted/seed0"),
]
"""After what the images are replaced, what is made then, and whose log says why it is not."""


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.png")))


def _readable(folder: Path) -> int:
    """Return in how many hidden images of a run the code can still be read."""
    tars = sorted((folder / "results/archive/images/mask-100").rglob("*.tar"))
    sets = [ImageSet.open([tar]) for tar in tars]
    return sum(bool(zxingcpp.read_barcodes(s.read(i))) for s in sets for i in s.ids)


def test_replaced_originals_are_refused_by_each_reader_and_searched_anew(
    output_of: Any, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(undisturbed / "images", tmp_path / "images")
    for path in _files(tmp_path / "images"):
        other = tmp_path / "others" / path.relative_to(tmp_path / "images")
        other.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).rotate(180).save(other)
    config = small_archive.config()
    paths = [str(SWAPPER), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    for written, target, log in READERS:
        if target == EMBEDDING:  # what else reads originals is done before
            others = "results/archive/images/original/val/0.parquet"
            output_of(tmp_path, config, "--cores", "2", others)
        monkeypatch.setenv("ANONBENCH_TEST_SWAP", f"results/archive/{written}")
        asked = f"results/archive/{target}"
        said = output_of(tmp_path, config, "--cores", "2", asked, fails=True)
        (line,) = set(re.findall(r"anonbench: (image .*)", said))
        assert "was changed or replaced" in line and "same command again" in line
        stage, _, rest = log.partition("/")
        text = (tmp_path / f"results/logs/{stage}/archive/{rest}.log").read_text(encoding="utf-8")
        assert line in text
        assert "Traceback" not in text
        assert not (tmp_path / "results/archive" / target).exists()
        assert _readable(tmp_path) == 0
        monkeypatch.delenv("ANONBENCH_TEST_SWAP")
    targets = {f"results/archive/{target}" for _, target, _ in READERS}
    output_of(tmp_path, config, "--cores", "2", *sorted(targets))
    expected, found = results_of(undisturbed), results_of(tmp_path)
    assert targets <= {f"results/{path}" for path in found}
    assert [path for path in found if found[path] != expected[path]] == []


def test_a_file_of_the_same_size_is_searched_on_request(output_of: Any, tmp_path: Path) -> None:
    small_archive.draw(tmp_path)
    for path in _files(tmp_path / "images"):
        Image.open(path).save(path.with_suffix(".bmp"))  # whose size says nothing of its content
        path.unlink()
    config, hidden = small_archive.config(), "results/archive/images/mask-100/val/0.tar"
    output_of(tmp_path, config, "--cores", "2", hidden)
    assert _readable(tmp_path) == 0
    for path in (tmp_path / "images/val").rglob("*.bmp"):
        before = path.stat()
        Image.open(path).rotate(180).save(path)
        assert path.stat().st_size == before.st_size
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    output_of(tmp_path, config, "--cores", "2", hidden, "--forcerun", "manifest")
    assert _readable(tmp_path) == 0
    images = ImageSet.open([tmp_path / hidden])
    (path,) = (tmp_path / "images/val").rglob("01.bmp")
    (image_id,) = (name for name in images.ids if name.endswith("01"))
    now, masked = np.asarray(Image.open(path)), images.read(image_id)
    assert np.array_equal(masked[:16], now[:16]) and not np.array_equal(now, np.rot90(now, 2))


def test_nothing_of_an_original_is_in_the_results_which_are_their_owners(undisturbed: Path) -> None:
    results = undisturbed / "results"
    assert stat.S_IMODE(results.stat().st_mode) == 0o700
    files = [path for path in results.rglob("*") if path.is_file()]
    held = {path.read_bytes() for path in _files(undisturbed / "images")}
    pixels = [np.asarray(Image.open(path)).tobytes() for path in _files(undisturbed / "images")]
    for path in files:
        content = path.read_bytes()
        assert not any(data in content for data in (*held, *pixels)), path
    in_original = {path.suffix for path in files if "images/original" in str(path)}
    assert in_original == {".parquet", ".digest", ".json"}
