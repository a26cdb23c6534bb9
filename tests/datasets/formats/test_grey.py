"""Deep grey images look as a viewer shows them."""

import struct

import numpy as np
import pytest

from anonbench.core.errors import UnreadableImage
from anonbench.datasets.images import read_image

LEVELS = np.linspace(0, 255, 48).astype(np.uint8).reshape(6, 8)
GREY, RGB, MAX_SAMPLE_VALUE = 1, 2, 281
UNSIGNED, SIGNED, FLOAT = 1, 2, 3


def tiff(
    values: np.ndarray, bits: int, kind: int = UNSIGNED, photometric: int = GREY, most: int = 0
) -> bytes:
    """Return an uncompressed TIFF file of one strip; 12 bits are packed."""
    height, width, *bands = values.shape
    data = values.tobytes()
    if bits == 12:
        a, b = values[:, 0::2].astype(int), values[:, 1::2].astype(int)
        packed = np.stack([a >> 4, ((a & 15) << 4) | (b >> 8), b & 255], -1)
        data = packed.astype(np.uint8).tobytes()
    tags = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 0}
    tags |= {277: (bands or [1])[0], 278: height, 279: len(data), 339: kind}
    tags |= {MAX_SAMPLE_VALUE: most} if most else {}
    after = 8 + 2 + 12 * len(tags) + 4
    places = {273: after + 6, 258: after} if bands else {273: after + 6}
    directory = struct.pack("<H", len(tags))
    for tag, value in sorted((tags | places).items()):
        if tag == 258 and bands:
            directory += struct.pack("<HHII", tag, 3, 3, value)
        else:
            directory += struct.pack("<HHII", tag, 4 if tag in (273, 279) else 3, 1, value)
    head = b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<I", 0)
    return head + struct.pack("<HHH", *[bits] * 3) + data


def scaled(bits: int) -> np.ndarray:
    return (LEVELS.astype(np.uint32) * (2**bits - 1) // 255).astype("<u2")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(tiff(scaled(12), 12), id="12 bits"),
        pytest.param(tiff(scaled(12), 16, most=4095), id="12 bits in 16"),
        pytest.param(tiff(scaled(16), 16, most=4095), id="16 bits that the header denies"),
        pytest.param(tiff(scaled(16), 16), id="16 bits"),
        pytest.param(tiff(65535 - scaled(16), 16, photometric=0), id="16 bits, zero is white"),
        pytest.param(tiff(LEVELS.astype("<f4") / 1000, 32, FLOAT), id="floats below 1"),
        pytest.param(tiff(-LEVELS.astype("<f4"), 32, FLOAT, 0), id="floats, zero is white"),
        pytest.param(tiff(LEVELS.astype("<i2") * 8 - 1024, 16, SIGNED), id="16 signed"),
        pytest.param(tiff((LEVELS.astype("<i2") - 128).astype("i1"), 8, SIGNED), id="8 signed"),
        pytest.param(tiff(LEVELS.astype("<u4") << 24, 32), id="32 unsigned"),
        pytest.param(b"P5\n8 6\n4095\n" + scaled(12).astype(">u2").tobytes(), id="PGM"),
    ],
)
def test_levels_are_those_that_a_viewer_shows(data: bytes) -> None:
    assert np.abs(read_image(data).astype(int) - LEVELS).max() <= 1


def test_values_that_are_no_numbers_are_the_darkest_or_brightest() -> None:
    holed = LEVELS.astype("<f4") + 100
    holed[0, :3] = np.nan, -np.inf, np.inf
    pixels = read_image(tiff(holed, 32, FLOAT))
    low = (LEVELS.astype(float) - LEVELS[0, 3]) * 255 / (255 - LEVELS[0, 3])
    assert pixels[0, :3].tolist() == [0, 0, 255]
    assert np.abs(pixels[1:] - low[1:]).max() <= 1
    for value in (7, np.nan):  # a flat image
        assert (read_image(tiff(np.full((6, 8), value, "<f4"), 32, FLOAT)) == 0).all()


def test_colours_of_12_bits_in_16_are_refused() -> None:
    colours = np.repeat(scaled(12)[..., None], 3, axis=2)
    with pytest.raises(UnreadableImage, match="colours of 12 bits; save it"):
        read_image(tiff(colours, 16, photometric=RGB, most=4095))
    assert read_image(tiff(colours, 16, photometric=RGB)).max() == 15
