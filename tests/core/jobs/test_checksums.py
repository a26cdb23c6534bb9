"""A file is believed if it holds what its job wrote; its record says what it was made from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import (
    is_intact,
    record_of,
    refusal,
    verify,
    verify_against,
    write_checksum,
)
from anonbench.core.provenance import file_digest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "scores.csv"
    path.write_text("as it was written")
    write_checksum(path)
    return path


def damage(path: Path, content: str) -> None:
    """Change a file in place, and give it the time that it had."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_text(content)
    os.utime(path, ns=times)


def test_content_counts_and_time_does_not(file: Path) -> None:
    record = record_of(file).read_bytes()
    for content in ("", "as it was", "as it was writteN", "longer than it was"):
        damage(file, content)
        said = rf"{file} is damaged: {len(content)} bytes where .* 17 "
        with pytest.raises(InputError, match=said):
            verify(file)
        assert not is_intact(file)
    damage(file, "as it was written")
    os.utime(file, (5, 5))
    verify(file)
    assert is_intact(file)
    assert record_of(file).read_bytes() == record, "reading writes nothing"
    file.unlink()
    with pytest.raises(
        InputError, match=r"scores.csv is gone; `anonbench run .* --forcerun .*scores"
    ):
        verify(file)
    file.symlink_to("nowhere")
    assert not is_intact(file)


def test_without_a_record_that_can_be_read_nothing_is_known(file: Path) -> None:
    for record in (
        '{"name": "scores.csv", "sha',
        "[]",
        '{"name": "scores.csv", "size": "17", "sha256": "a"}',
        '{"name": "other.csv", "size": 17, "sha256": "a"}',
        '{"a":' * 5000,
        None,
    ):
        if record is None:
            record_of(file).unlink()
        else:
            record_of(file).write_text(record)
        assert not is_intact(file), record
        verify(file)
        with pytest.raises(InputError, match=r"scores.csv: nothing says what its job wrote"):
            verify(file, must_be_known=True)


def test_of_a_shard_the_size_is_checked_and_the_images_by_who_reads_them(tmp_path: Path) -> None:
    shard = tmp_path / "0.tar"
    shard.write_text("pixels")
    write_checksum(shard)
    damage(shard, "pixelS")
    verify(shard)
    said = str(refusal(shard, "an image is not as its index says"))
    assert f"{shard} is damaged: an image" in said and f"--forcerun {shard}" in said
    damage(shard, "pixel")
    with pytest.raises(InputError, match=r"0.tar is damaged"):
        verify(shard)


def test_a_file_without_a_record_is_checked_by_a_digest(file: Path) -> None:
    digest, size = file_digest(file), file.stat().st_size
    verify_against(file, digest, size)
    with pytest.raises(InputError, match="get it again"):
        verify_against(file, digest, size + 1)
    damage(file, "as it was writteN")
    with pytest.raises(InputError, match=r"scores.csv is damaged"):
        verify_against(file, digest, size)
    file.unlink()
    with pytest.raises(InputError, match=r"nothing where 17 bytes"):
        verify_against(file, digest, size)
