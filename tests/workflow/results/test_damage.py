"""Results that something happened to: what is wrong is said with the way out, nothing is lost."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import small_archive
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import is_intact
from anonbench.core.jobs.job_cache import JobCache
from small_archive import results_of

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

MODEL = "A-mask-100/seed0"


def flipped(content: bytes) -> bytes:
    damaged = bytearray(content)
    damaged[len(content) // 2] ^= 1
    return bytes(damaged)


DAMAGES: dict[str, Callable[[bytes], bytes] | None] = {
    "cut": lambda content: content[: len(content) // 2],
    "flipped": flipped,
    "emptied": lambda _: b"",
    "another file": None,
}


def spoil(path: Path, content: bytes) -> None:
    """Write other content into a file, all of its links included, with the time that it had."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    path.write_bytes(content)
    os.utime(path, ns=times)


@pytest.fixture
def spoilt(scratch: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(scratch)
    return scratch


def outputs() -> list[Path]:
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


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_no_job_reads_a_damaged_file(spoilt: Path, damage: Any) -> None:
    files = outputs()
    assert len(files) > 60
    assert [path for path in files if not is_intact(path)] == []
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


@pytest.fixture
def told(output_of: Any) -> Callable[..., str]:
    given = ["--cores", "2", *small_archive.TARGETS]
    return lambda folder, *more, **how: output_of(
        folder, small_archive.config(), *given, *more, **how
    )


def test_damage_is_refused(told: Callable[..., str], undisturbed: Path, spoilt: Path) -> None:
    """One of another time is met by its readers, one of the same time when a reader runs."""
    archive = Path("results/archive")
    scores, kept = archive / "scores.csv", archive / f"retrieval/{MODEL}/mask-100.json"
    scores.write_bytes(scores.read_bytes()[:100])
    spoil(kept, flipped(kept.read_bytes()))
    forced: list[str] = []
    for damaged in (scores, kept):
        failed = told(spoilt, *(["--forcerun", *forced] if forced else []), fails=True)
        assert f"anonbench: {damaged} is damaged" in failed
        assert f"--forcerun {damaged}" in failed
        forced.append(str(damaged))
    told(spoilt, "--forcerun", *forced)
    assert results_of(spoilt) == results_of(undisturbed)


def mount(*arguments: str | Path) -> None:
    """Mount a file system, or skip the test where that may not be."""
    try:
        done = subprocess.run(["mount", *arguments], check=False, capture_output=True).returncode
    except OSError:
        done = 1
    if done:
        pytest.skip("nothing can be mounted")


def test_results_are_read_only(told: Callable[..., str], output_of: Any, spoilt: Path) -> None:
    mount("--bind", "results", "results")
    try:
        mount("-o", "remount,ro,bind", "results")
        look = told(spoilt, "-n")
        why = "results cannot be written to (read-only): make it writable"
        assert "Nothing to be done" in look and why in look
        config = small_archive.config() | {"training_seeds": [3]}
        new = "results/archive/models/unadapted/seed3/backbone.safetensors"
        failed = output_of(spoilt, config, "--cores", "1", new, fails=True)
        assert failed.count(why) == 2, "before planning, and where it would have begun"
    finally:
        subprocess.run(["umount", "results"], check=True)
    shutil.rmtree(spoilt)


def test_results_without_records(
    told: Callable[..., str], undisturbed: Path, scratch: Path
) -> None:
    shutil.rmtree(scratch / ".snakemake")
    models = [*scratch.glob("results/archive/models/**/*.safetensors")]
    assert models
    before = {path: path.stat().st_ino for path in models}
    refused = told(scratch, fails=True)
    assert "results: Snakemake's records of these results are not in" in refused
    told(scratch, "--forceall")
    assert results_of(scratch) == results_of(undisturbed)
    assert {path: path.stat().st_ino for path in models} == before, "long jobs keep their results"
    assert "Nothing to be done" in told(scratch, "-n")


def test_no_touch_makes_a_copy_stale(told: Callable[..., str], scratch: Path) -> None:
    """As where every other job ran on a machine whose clock is a day ahead."""
    day = time.time() + 86_400
    for path in sorted(scratch.glob("results/archive/**/*.*"))[::2]:
        os.utime(path, (day, day))
    assert "Nothing to be done" in told(scratch, "-n")


def test_a_full_disk_keeps_results(output_of: Any, undisturbed: Path, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount("-t", "tmpfs", "-o", "size=320k", "tmpfs", small)
    try:
        shutil.copytree(undisturbed / "images", tmp_path / "images")
        config = small_archive.config() | {"results": str(small / "results")}
        failed = output_of(tmp_path, config, "--cores", "2", "archive_images", fails=True)
        assert "the disk is full; make room and run again" in failed
        boxes = small / "results/archive/detect/val/0.boxes.parquet"
        before = boxes.stat().st_mtime_ns
        mount("-t", "tmpfs", "-o", "remount,size=8m", "tmpfs", small)
        output_of(tmp_path, config, "--cores", "2", "archive_images")
        assert boxes.stat().st_mtime_ns == before
        for tar in sorted((undisturbed / "results/archive/images").rglob("*.tar")):
            same = small / "results" / tar.relative_to(undisturbed / "results")
            assert same.read_bytes() == tar.read_bytes()
    finally:
        subprocess.run(["umount", small], check=True)


def test_more_gpus_than_shown(
    output_of: Any, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small_archive.config()
    config["recipes"]["tiny"] |= {"device": "auto", "gpus": 4}
    backbone = f"results/archive/models/{MODEL}/backbone.safetensors"
    shutil.rmtree((scratch / backbone).parent)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")  # names: nothing is computed on them
    given = ["--cores", "4", "--resources", "gpu=8", "--", backbone]
    why = "the job asks for 4 GPUs, but CUDA_VISIBLE_DEVICES=0,1 has 2: lower recipe.gpus"
    assert why in output_of(scratch, config, *given, fails=True)
