"""A damaged result is never believed: its reader refuses it by name; of every stage."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_archive
from small_archive import results_of

from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import is_intact, read_checksum
from anonbench.core.jobs.job_cache import JobCache
from anonbench.datasets.image_sets.shards import ImageSet

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

MODEL = "A-mask-100/seed0"


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    return bytes(damaged)


def emptied(_: bytes) -> bytes:
    return b""


Damage = Callable[[bytes], bytes]


def spoil(path: Path, content: bytes) -> None:
    """Write other content into a file, all of its links included, with the time that it had."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=times)


@pytest.fixture
def scratch(undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of finished results, links and times and all; paths are relative to it."""
    folder = tmp_path / "scratch"
    subprocess.run(["cp", "-a", undisturbed, folder], check=True)
    monkeypatch.chdir(folder)
    return folder


def outputs() -> list[Path]:
    """Return what jobs made, of all stages."""
    paths = [path for path in Path("results").rglob("*") if path.is_file()]
    hidden = [path for path in paths if any(part.startswith(".") for part in path.parts)]
    apart = {"benchmarks", "logs", "kept"}
    return sorted(path for path in {*paths} - {*hidden} if not apart & set(path.parts))


def test_every_script_is_a_job_that_checks_what_it_reads(root: Path) -> None:
    scripts = sorted((root / "workflow" / "scripts").glob("*.py"))
    assert scripts
    for script in scripts:
        statements = script.read_text(encoding="utf-8").splitlines()
        top = [line for line in statements if line and not line.startswith((" ", "#", "from "))]
        assert [line.removesuffix(" as cache:").removesuffix(":") for line in top] == [
            "with job(snakemake, __file__)"
        ], script


def test_every_output_has_a_checksum(scratch: Path) -> None:
    assert len(outputs()) > 60
    assert [path for path in outputs() if not is_intact(path)] == []


@pytest.mark.parametrize("damage", [cut, flipped, emptied, None])
def test_no_job_reads_a_damaged_file(scratch: Path, damage: Damage | None) -> None:
    files = outputs()
    for path in files:
        content = path.read_bytes()
        # another valid file of the same kind, where there is one
        others = [other.read_bytes() for other in files if other.suffix == path.suffix]
        other = next((each for each in others if each != content), b"other")
        spoiled = damage(content) if damage else other
        spoil(path, spoiled)
        reader = JobCache([str(path)], [], {}, Path("results"))
        if path.suffix == ".tar" and len(spoiled) == len(content):
            reader.begin()  # each image is compared when it is read
        else:
            with pytest.raises(InputError, match=f"{path} is damaged"):
                reader.begin()
        spoil(path, content)
        reader.begin()


def test_a_damaged_output_is_not_taken_for_done(scratch: Path) -> None:
    tars = [*Path("results").rglob("images/*/*/*.tar")]
    assert tars
    for tar in tars:
        record = read_checksum(tar)
        assert record is not None
        job = JobCache([], [str(tar)], {}, Path("results"))
        vars(job)["identity"] = record["identity"]
        assert job.is_done()
        spoil(tar, flipped(tar.read_bytes()))
        assert not job.is_done()
        assert not tar.exists()


def run(snakemake: Any, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    config = small_archive.config()
    done: subprocess.CompletedProcess[str] = snakemake(
        folder, config, "--cores", "2", *small_archive.TARGETS, *arguments
    )
    return done


def test_damage_is_refused_with_the_command_that_makes_it_again(
    snakemake: Any, undisturbed: Path, scratch: Path
) -> None:
    """One of another time is met by its readers, one of the same time when a reader runs."""
    archive = Path("results/archive")
    scores, kept = archive / "scores.csv", archive / f"retrieval/{MODEL}/mask-100.json"
    scores.write_bytes(scores.read_bytes()[:100])
    spoil(kept, flipped(kept.read_bytes()))
    forced: list[str] = []
    for damaged in (scores, kept):
        failed = run(snakemake, scratch, *(["--forcerun", *forced] if forced else []))
        said = failed.stdout + failed.stderr
        assert failed.returncode != 0
        assert f"anonbench: {damaged} is damaged" in said
        assert f"--forcerun {damaged}" in said
        assert "Traceback" not in said
        forced.append(str(damaged))
    done = run(snakemake, scratch, "--forcerun", *forced)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert results_of(scratch) == results_of(undisturbed)


def test_read_only_results_can_be_looked_at_and_a_run_says_what_they_are(
    snakemake: Any, scratch: Path
) -> None:
    mounted = ["mount", "--bind", "results", "results"]
    try:
        if subprocess.run(mounted, check=False, capture_output=True).returncode:
            pytest.skip("nothing can be mounted")
        subprocess.run(["mount", "-o", "remount,ro,bind", "results"], check=True)
    except OSError:
        pytest.skip("nothing can be mounted")
    try:
        look = run(snakemake, scratch, "-n")
        assert look.returncode == 0, look.stderr[-2000:]
        assert "Nothing to be done" in look.stdout + look.stderr
        told = "results cannot be written to (read-only): make it writable"
        assert told in look.stderr
        config = small_archive.config() | {"training_seeds": [3]}
        new = "results/archive/models/unadapted/seed3/backbone.safetensors"
        failed = snakemake(scratch, config, "--cores", "1", new)
        said = failed.stdout + failed.stderr
        assert failed.returncode != 0
        assert said.count(told) == 2, "before planning, and where it would have begun"
        assert "Traceback" not in said
    finally:
        subprocess.run(["umount", "results"], check=True)
    shutil.rmtree(scratch)


def test_a_damaged_image_of_a_shard_is_refused_by_its_reader(scratch: Path) -> None:
    tar = Path("results/archive/images/mask-100/val/0.tar")
    images = ImageSet.open([tar])
    image_id = images.ids[0]
    data = images.read_bytes(image_id)
    spoil(tar, tar.read_bytes().replace(data, flipped(data)))
    with pytest.raises(InputError, match=f"{tar} is damaged: image {image_id!r} is not as its in"):
        ImageSet.open([tar]).read_bytes(image_id)
