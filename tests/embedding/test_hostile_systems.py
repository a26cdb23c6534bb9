"""Systems that answer wrongly, late, not at all or otherwise each time; caches of their vectors."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import anonbench
from anonbench.core.errors import InputError
from anonbench.core.io import remove_left_scratch
from anonbench.embedding.given_systems import vectors_of
from anonbench.embedding.store import Embeddings, VectorCache, write_embeddings
from anonbench.embedding.systems.command import Command
from anonbench.embedding.systems.function import Function
from anonbench.embedding.systems.opening import open_system
from processes import has_ended, wait_for

IMAGES = [np.full((8, 8, 3), shade, np.uint8) for shade in range(4)]
HEAD = """
import os, subprocess, sys, time
from pathlib import Path
import numpy as np
images, vectors = map(Path, sys.argv[1:3])
"""


def few(number: int) -> Any:
    return SimpleNamespace(
        ids=[f"{each:04}" for each in range(number)],
        digests=[f"{each:064x}" for each in range(number)],
        read=lambda image_id: np.full((8, 8, 3), int(image_id), np.uint8),
    )


def program(folder: Path, code: str) -> str:
    (folder / "program.py").write_text(HEAD + code)
    return f"{sys.executable} {folder}/program.py {{images}} {{vectors}}"


def encoded(system: Command, number: int = 4) -> np.ndarray:
    with open_system(system) as opened:
        return opened.encode(IMAGES[:number])


@pytest.mark.parametrize(
    ("form", "code", "message"),
    [
        ("npz", "vectors.write_bytes(b'PK\\x03\\x04garbage')", "cannot be read as NPZ"),
        (
            "npz",
            "ids = ['a/000000', 'b/000000', '000001', '000002', '000003']\n"
            "np.savez(vectors, ids=ids, embeddings=np.ones((5, 3)))",
            "5 vectors in the program's file are of 4 images",
        ),
        ("npy", "np.save(vectors, np.ones((3, 3)))", "vectors.npy: 3 embeddings for 4 ids"),
    ],
)
def test_wrong_files_of_a_program(tmp_path: Path, form: str, code: str, message: str) -> None:
    system = Command.model_validate({"command": program(tmp_path, code), "format": form})
    with pytest.raises(InputError, match=message) as refused:
        encoded(system)
    assert str(refused.value).startswith(f"systems: {sys.executable}: ")
    assert tempfile.gettempdir() + "/anonbench-" not in str(refused.value)


@pytest.mark.slow
@pytest.mark.parametrize(
    "end", ["time.sleep(60)", "np.save(vectors, np.ones((len(list(images.iterdir())), 3)))"]
)
def test_what_a_program_started_ends_with_it(tmp_path: Path, end: str) -> None:
    start = "process = subprocess.Popen(['sleep', '60'])\n"
    note = f"Path({str(tmp_path / 'started')!r}).write_text(str(process.pid))\n"
    system = Command(command=program(tmp_path, start + note + end), timeout=2)
    began = time.monotonic()
    if "sleep" in end:
        with pytest.raises(InputError, match="took more than 2 s"):
            encoded(system)
    else:
        assert encoded(system).shape == (4, 3)
    assert time.monotonic() - began < 30
    wait_for(lambda: has_ended(int((tmp_path / "started").read_text())))


def test_killed_job_ends_its_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = f"part = Path({str(tmp_path / 'part')!r})\n"
    started = "child = subprocess.Popen(['sleep', '600'])\n"
    written = "part.write_text(f'{os.getpid()} {child.pid}')\n"
    place = "part.rename(part.with_name('started'))\n"
    line = program(tmp_path, note + started + written + place + "time.sleep(600)")
    job = f"""
import numpy as np
from anonbench.embedding.systems.opening import open_system
from anonbench.embedding.systems.command import Command
with open_system(Command(command={line!r})) as system:
    system.encode([np.zeros((8, 8, 3), np.uint8)])
"""
    (tmp_path / "tmp").mkdir()
    scratch = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    process = subprocess.Popen([sys.executable, "-c", job], env=scratch)
    try:
        wait_for((tmp_path / "started").exists)
        running = [*map(int, (tmp_path / "started").read_text().split())]
        assert len(running) == 2 and not any(map(has_ended, running))
    finally:
        process.kill()
        process.wait()
    wait_for(lambda: all(map(has_ended, running)))
    (left,) = (tmp_path / "tmp").iterdir()
    assert list(left.rglob("*.png"))
    os.utime(left, (0, 0))  # not new
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    remove_left_scratch()
    assert not left.exists()


def test_vectors_of_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "changing.py").write_text(
        "import numpy as np\ncalls = []\ndef encode(images):\n    calls.append(1)\n"
        "    return np.ones((1, 8 if len(calls) <= 64 + 3 else 9))\n"
    )
    monkeypatch.chdir(tmp_path)
    system = Function(function="changing:encode", batch_size=1)
    assert system.most_images == 64
    with pytest.raises(InputError, match="of 8 and of 9 dimensions; all have to have the same"):
        vectors_of(system, [few(100)], tmp_path)
    # the first 64 are cached
    with pytest.raises(InputError, match=r"of 8 and 9 dimensions.*`version`") as no:
        vectors_of(system, [few(100)], tmp_path)
    assert str(tmp_path) in str(no.value)
    (kept,) = vectors_of(system, [few(64)], tmp_path)
    assert kept.shape == (64, 8)
    cache = VectorCache(tmp_path / "other", "system")
    cache.add(["a", "b"], np.ones((2, 3), np.float32))
    cache.flush()
    (file,) = (tmp_path / "other").rglob("*.h5")
    write_embeddings(file, Embeddings(["a", "b"], np.full((2, 3), np.nan, np.float32)))
    with pytest.raises(InputError, match=r"\.h5: some vectors are not finite; delete it"):
        VectorCache(tmp_path / "other", "system").read(["a"])


def test_cached_vectors_are_of_the_system_that_is_asked(tmp_path: Path) -> None:
    long = "the encoder of our archive, version "
    for identity in (f"{long}1", f"{long}2", "../elsewhere", "a" * 64, f"{'a' * 63}b"):
        cache = VectorCache(tmp_path / "vectors", identity)
        assert ("image" in cache) == (identity == f"{'a' * 63}b"), "of a digest, half is enough"
        cache.add(["image"], np.ones((1, 3), np.float32))
        cache.flush()
    assert [path.name for path in tmp_path.iterdir()] == ["vectors"]


PICTURES = list(np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8))
RANDOM, BESIDE = "when it is asked again: a part of it is random", "beside other images"
Encode = Callable[[Sequence[np.ndarray]], np.ndarray]


def means(images: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([image.reshape(-1, 48).mean(axis=0) for image in images])


def noisy(share: float) -> Encode:
    """Return an encoder with random noise: a share of what different images differ by."""
    random = np.random.default_rng(0)
    spread = np.sqrt(2 * means(PICTURES).var(axis=0).sum())

    def encode(images: Sequence[np.ndarray]) -> np.ndarray:
        noise = random.standard_normal((len(images), 48))
        return means(images) + share * spread * noise / np.linalg.norm(noise, axis=1)[:, None]

    return encode


def centred(images: Sequence[np.ndarray]) -> np.ndarray:
    return means(images) - means(images).mean(axis=0)


def by_place(images: Sequence[np.ndarray]) -> np.ndarray:
    return means(images) + 100.0 * np.arange(len(images))[:, None]


@pytest.mark.parametrize(
    ("encode", "message"),
    [(noisy(0.2), RANDOM), (centred, BESIDE), (by_place, BESIDE)],
    ids=["random", "by the batch", "by the place"],
)
@pytest.mark.parametrize("count", [2, 9])
def test_such_a_function_is_refused(encode: Encode, message: str, count: int) -> None:
    with pytest.raises(InputError, match=message):
        anonbench.embed(encode, PICTURES[:count])


@pytest.mark.parametrize(
    "encode",
    [noisy(0.001), lambda images: np.ones((len(images), 4)), lambda i: means(i).astype(np.float16)],
    ids=["rounding", "all alike", "half precision"],
)
def test_rounding_is_no_reason_to_refuse(encode: Encode) -> None:
    assert anonbench.embed(encode, PICTURES).values.shape[0] == 9
    assert anonbench.embed(encode, PICTURES[:1]).values.shape[0] == 1


def test_a_program_is_asked_twice_and_for_few_images(tmp_path: Path) -> None:
    random = "np.random.default_rng().random((len(list(images.iterdir())), 8))"
    line = program(tmp_path, f"np.save(vectors, {random})")
    with open_system(Command(command=line)) as system, pytest.raises(InputError, match=RANDOM):
        system.encode(PICTURES)
    calls: list[int] = []

    def counting(images: Sequence[np.ndarray]) -> np.ndarray:
        calls.append(len(images))
        return means(images)

    anonbench.embed(counting, 5 * PICTURES)
    assert calls == [32, 3, 13] or calls == [32, 13, 3]
