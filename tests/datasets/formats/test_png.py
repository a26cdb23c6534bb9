"""PNG files are the image, and nothing else, for whoever reads them."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from anonbench.datasets.images import LONGEST, to_png
from anonbench_demo import portraits

SHAPES = st.tuples(
    st.integers(1, 9), st.integers(1, 9), st.sampled_from([(), (3,)])
).map(lambda each: (*each[:2], *each[2]))  # fmt: skip


@given(SHAPES.flatmap(lambda shape: arrays(np.uint8, shape)), st.booleans())
def test_other_libraries_read_the_same_pixels(image: np.ndarray, mirrored: bool) -> None:
    image = image[:, ::-1] if mirrored else image  # no contiguous array, too
    data = to_png(image)
    assert to_png(image) == data
    with Image.open(io.BytesIO(data)) as opened:
        assert np.array_equal(np.asarray(opened), image)
        assert not opened.info
    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(shown if image.ndim == 2 else shown[..., ::-1], image)


def test_a_photo_takes_less_space_than_by_opencv() -> None:
    image = portraits.draw(0, "gallery", 0).image
    _, coded = cv2.imencode(".png", image)
    assert len(to_png(image)) < 0.9 * len(coded)


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        ((2, 2), np.uint16),
        *((shape, np.uint8) for shape in ((2, 2, 4), (2, 2, 1), (0, 2), (LONGEST + 1, 1))),
    ],
)
def test_what_no_reader_takes_is_refused(shape: tuple[int, ...], kind: type) -> None:
    with pytest.raises(ValueError, match=r"8 bits|sides of 1 to"):
        to_png(np.zeros(shape, kind))
