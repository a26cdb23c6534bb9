"""A file is believed if it holds what its job wrote; its record says what it was made from."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import (
    is_intact,
    note_time,
    plain,
    read_checksum,
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


@pytest.mark.parametrize("content", ["", "as it was", "as it was writteN", "longer than it was"])
def test_other_content_is_refused_whatever_its_time(file: Path, content: str) -> None:
    verify(file)
    damage(file, content)
    with pytest.raises(InputError, match=rf"{file} is damaged: {len(content)} bytes where .* 17 "):
        verify(file)
    assert is_intact(file) is False, "refused once, the next run looks into it"
    damage(file, "as it was written")
    verify(file)
    assert is_intact(file)


@pytest.mark.parametrize("content", ["", "as it was", "longer than it was"])
def test_another_size_is_noticed_without_looking_into_it(file: Path, content: str) -> None:
    damage(file, content)
    assert is_intact(file) is False


def test_a_touched_file_is_as_good_and_its_time_can_be_noted(file: Path) -> None:
    os.utime(file, (5, 5))
    record = record_of(file).read_bytes()
    assert is_intact(file)
    assert record_of(file).read_bytes() == record, "a look writes nothing"
    note_time(file)
    assert read_checksum(file)["modified"] == 5 * 10**9  # type: ignore[index]


def test_the_touch_after_a_job_of_this_run_is_noted_without_looking_into_it(file: Path) -> None:
    """Snakemake touches each output when its job is done."""
    made = file.stat().st_mtime_ns
    content = file.read_bytes()
    os.utime(file, ns=(made, made + 10**9))
    note_time(file, since=made + 1)
    assert json.loads(record_of(file).read_text())["modified"] == made, "made before this run"
    note_time(file, since=made)
    assert json.loads(record_of(file).read_text())["modified"] == made + 10**9
    file.write_bytes(content + b"more")
    note_time(file, since=made)
    assert is_intact(file) is False, "of another size"


def test_a_file_that_is_gone_is_refused(file: Path) -> None:
    file.unlink()
    with pytest.raises(InputError, match=r"scores.csv is gone; run the same command again"):
        verify(file)


@pytest.mark.parametrize(
    "record",
    [
        None,
        "",
        '{"name": "scores.csv", "sha',
        "[]",
        '{"name": "scores.csv", "size": "17", "sha256": "a", "modified": 1}',
        '{"name": "other.csv", "size": 17, "sha256": "a", "modified": 1}',
        '{"size": 17, "sha256": "a", "modified": 1}',
        "\x00\x01",
        pytest.param('{"a":' * 5000, id="nested"),
    ],
)
def test_without_a_record_that_can_be_read_nothing_is_known(file: Path, record: str | None) -> None:
    if record is None:
        record_of(file).unlink()
    else:
        record_of(file).write_text(record)
    assert is_intact(file) is None
    verify(file)
    with pytest.raises(InputError, match=r"scores.csv: nothing says what its job wrote into it"):
        verify(file, must_be_known=True)


def test_a_link_to_nowhere_is_damage(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")
    assert is_intact(file) is False


def test_the_record_of_another_file_is_none_of_this_one(file: Path) -> None:
    other = file.with_name("other.csv")
    other.write_text("other")
    write_checksum(other)
    record_of(other).replace(record_of(file))
    assert is_intact(file) is None


def test_of_a_shard_the_size_is_checked_and_the_images_by_who_reads_them(tmp_path: Path) -> None:
    shard = tmp_path / "0.tar"
    shard.write_text("pixels")
    write_checksum(shard)
    damage(shard, "pixelS")
    verify(shard)
    assert is_intact(shard)
    assert "0.tar is damaged" in str(refusal(shard))
    assert is_intact(shard) is False, "who found an image damaged has the shard looked into"
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


def test_parameters_are_recorded_as_plain_data(tmp_path: Path) -> None:
    assert plain({"pair": (1, "a"), "folder": tmp_path}) == {
        "pair": [1, "a"],
        "folder": str(tmp_path),
    }
