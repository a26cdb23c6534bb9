"""Systems that give an image another vector when asked again, or beside other images."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import anonbench
from anonbench.core.errors import InputError
from anonbench.embedding.systems.command import Command
from anonbench.embedding.systems.opening import open_system

IMAGES = list(np.random.default_rng(0).integers(0, 256, (9, 16, 16, 3), dtype=np.uint8))
RANDOM, BESIDE = "when it is asked again: a part of it is random", "beside other images"
Encode = Callable[[Sequence[np.ndarray]], np.ndarray]


def means(images: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([image.reshape(-1, 48).mean(axis=0) for image in images])


def noisy(share: float) -> Encode:
    """Return an encoder with random noise: a share of what different images differ by."""
    random = np.random.default_rng(0)
    spread = np.sqrt(2 * means(IMAGES).var(axis=0).sum())

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
        anonbench.embed(encode, IMAGES[:count])


@pytest.mark.parametrize(
    "encode",
    [noisy(0.001), lambda images: np.ones((len(images), 4)), lambda i: means(i).astype(np.float16)],
    ids=["rounding", "all alike", "half precision"],
)
def test_rounding_is_no_reason_to_refuse(encode: Encode) -> None:
    assert anonbench.embed(encode, IMAGES).values.shape[0] == 9
    assert anonbench.embed(encode, IMAGES[:1]).values.shape[0] == 1


def test_a_program_is_asked_twice(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(
        "import sys, pathlib, numpy as np\n"
        "n = len(list(pathlib.Path(sys.argv[1]).iterdir()))\n"
        "np.save(sys.argv[2], np.random.default_rng().random((n, 8)))\n"
    )
    line = f"{sys.executable} {tmp_path}/program.py {{images}} {{vectors}}"
    with open_system(Command(command=line)) as system, pytest.raises(InputError, match=RANDOM):
        system.encode(IMAGES)


def test_few_images_are_asked_for_and_only_once() -> None:
    calls: list[int] = []

    def counting(images: Sequence[np.ndarray]) -> np.ndarray:
        calls.append(len(images))
        return means(images)

    anonbench.embed(counting, 5 * IMAGES)
    assert calls == [32, 3, 13] or calls == [32, 13, 3]
