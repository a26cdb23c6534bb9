"""Numbers of an original's own that its copy does not have: they may be words."""

from __future__ import annotations

import io
import operator
from pathlib import Path

import numpy as np
import pytest
from codes import SRGB, anonymized, save
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.files import check_file
from anonbench.anonymization.files.stored import Stored, _standard, _tables, write


def test_words_in_quantization_tables_are_not_copied(tmp_path: Path) -> None:
    """High frequencies of a flat picture are 0, whatever divides them."""
    words = b"CANARY, born 12.8.1964, of 12 Long Lane, London".ljust(54, b".")
    table = [16] * 10 + list(words)
    path = save(tmp_path / "photos", "a.jpg", qtables=[table, table])
    done = anonymized(tmp_path / "photos", tmp_path / "out")
    assert done.written == 1
    with Image.open(path) as given, Image.open(tmp_path / "out/a.jpg") as made:
        assert isinstance(given, JpegImageFile) and isinstance(made, JpegImageFile)
        assert given.quantization[0] == table
        for found in made.quantization.values():
            assert tuple(found) in _tables() and all(map(operator.le, found, table))
        wrong = io.BytesIO()
        pixels = np.asarray(made)
        Image.fromarray(pixels).save(wrong, "JPEG", qtables=[table, table])
    with pytest.raises(Failure, match="quantization"):
        check_file(wrong.getvalue(), pixels)


def test_a_profile_that_is_no_standard_one_fails_the_audit() -> None:
    pixels = np.zeros((8, 8, 3), np.uint8)
    data = write(pixels, Stored("PNG", profile=SRGB))
    with pytest.raises(Failure, match="profile"):
        check_file(data, pixels, SRGB)


@pytest.mark.parametrize("quality", [1, 75, 100])
def test_standard_quantization_tables_are_kept(quality: int) -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        assert isinstance(image, JpegImageFile)
        for table in image.quantization.values():
            assert _standard(table) == tuple(table)
            finer = [max(1, each - 1) for each in table]
            assert all(map(operator.le, _standard(finer), finer))
