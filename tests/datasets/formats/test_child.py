"""Images whose decoding may take long: refused by a count, or decoded by a process with limits."""

from __future__ import annotations

import struct
import subprocess
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
import pytest
from odd_folder import coded
from PIL import Image

from anonbench.core.errors import UnreadableImage
from anonbench.datasets import images
from anonbench.datasets.images import read_here, read_image

SMOOTH = np.linspace(0, 255, 64 * 96 * 3).astype(np.uint8).reshape(64, 96, 3)


def progressive(scans: int) -> bytes:
    """Return a grey JPEG file of 64 × 64 pixels whose one scan of details comes so many times."""
    tables = b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([1]) * 64
    frame = b"\xff\xc2" + struct.pack(">HBHHB", 11, 8, 64, 64, 1) + b"\x01\x11\x00"
    for kind, symbol in ((0, 0), (16, 0x50)):
        frame += b"\xff\xc4" + struct.pack(">HB", 20, kind) + bytes([1] + [0] * 15 + [symbol])
    first = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x00\x00\x00" + bytes(9)
    details = b"\xff\xda" + struct.pack(">HB", 8, 1) + b"\x01\x00\x01\x3f\x00" + b"\x7f\x7f"
    return b"\xff\xd8" + tables + frame + first + details * scans + b"\xff\xd9"


def refused(data: bytes) -> str:
    with pytest.raises(UnreadableImage) as caught:
        read_image(data)
    return str(caught.value)


def test_a_jpeg_of_many_scans_is_refused_and_one_of_some_is_read() -> None:
    assert read_image(progressive(10)).shape == (64, 64)
    assert refused(progressive(200)) == "a JPEG of more than 100 scans"


@pytest.mark.slow
def test_a_header_that_is_a_comment_of_many_bytes_is_refused() -> None:
    data = b"P2\n#" + b"a" * 5_000_000 + b"\n8 8\n255\n" + b"0 " * 64
    start = time.process_time()
    assert refused(data) == "takes too long to read"
    assert time.process_time() - start < 30


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "GIF", "JPEG2000"])
def test_a_child_reads_what_this_process_reads(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for pixels in (SMOOTH, SMOOTH[..., 0]):
        data = coded(Image.fromarray(pixels), kind)
        here = read_here(data, None, None)
        monkeypatch.setattr(images, "MOST_HERE", 0)
        apart = read_image(data)
        np.testing.assert_array_equal(here, apart)
        apart[0, 0] = 7  # it may be written to


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ("BASE_BYTES = 2**25; c.BYTES_A_PIXEL = {'image': 1}", "MemoryError"),
        ("SECONDS = 0; c.PIXELS_A_SECOND = 10**9", "too much memory or time"),
    ],
)
def test_image_beyond_the_limits(limits: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    code = [f"from anonbench.datasets import child_process as c; c.{limits}; c.main()"]
    data = b"P5\n2000 1500\n4095\n" + bytes(6_000_000)  # a decoder in Python
    popen = subprocess.Popen

    def limited(command: list[str], **more: Any) -> Any:
        return popen([command[0], "-c", code.pop()] if code else command, **more)

    monkeypatch.setattr(subprocess, "Popen", limited)
    with ProcessPoolExecutor(1, get_context("fork")) as fork:  # which has no child yet
        assert reason in fork.submit(refused, data).result()
        small = fork.submit(read_image, b"P5\n20 15\n4095\n" + bytes(600))
        assert small.result().shape == (15, 20)


def test_a_large_image_is_decoded_by_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    data = coded(Image.fromarray(SMOOTH), "PNG")
    monkeypatch.setattr(images, "MOST_HERE", 64 * 96 - 1)
    monkeypatch.setattr(images, "to_array", None)  # in this process nothing is
    assert read_image(data).shape == SMOOTH.shape
