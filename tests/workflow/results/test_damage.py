"""A damaged result is never believed: it is made again, or refused by name; of every stage."""

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
from anonbench.core.jobs.checksums import DIGEST, is_intact, read_checksum
from anonbench.core.jobs.job_cache import JobCache
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.workflow.reconcile import BY_HAND, Results

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


def outdated() -> set[str]:
    """Return the outputs whose jobs have to run again."""
    return Results(Path("results")).outdated(lambda file: True) & {*map(str, outputs())}


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


@pytest.mark.parametrize("damage", [cut, flipped, emptied])
def test_what_is_damaged_when_a_run_starts_is_put_aside(scratch: Path, damage: Damage) -> None:
    files = outputs()
    for path in files:
        spoil(path, damage(path.read_bytes()))
        if damage is flipped:
            os.utime(path)
    results = Results(Path("results"))
    assert results.outdated(lambda file: True) >= {*map(str, files)}
    assert results.damaged == files
    results.begin({*map(str, files)})
    for path in files:
        assert not path.exists()
        assert path.with_name(path.name + BY_HAND).exists()


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


def test_damage_is_refused_by_name_and_the_next_run_makes_all_of_it_again(
    snakemake: Any, undisturbed: Path, scratch: Path
) -> None:
    """One is found when the run starts, one of the same size and time by its reader."""
    archive = Path("results/archive")
    cut_off, edited = archive / "scores.csv", archive / f"retrieval/{MODEL}/mask-100.json"
    content = cut_off.read_bytes()
    spoil(cut_off, content[:100])
    spoil(edited, flipped(edited.read_bytes()))
    figure = Path("results/figures/correlation_archive_100.png")
    figure.write_bytes(b"")
    failed = run(snakemake, scratch)
    said = failed.stdout + failed.stderr
    assert failed.returncode != 0
    for file in (cut_off, figure):
        assert f"{file} is not what its job wrote" in said
        assert f"{file} is put aside as {file.name}{BY_HAND}" in said
    assert f"anonbench: {edited} is damaged" in said
    assert "Traceback" not in said
    assert not cut_off.exists()
    done = run(snakemake, scratch)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-3000:]
    assert f"{edited} is put aside as" in said
    found = results_of(scratch)
    by_hand = [path for path in found if path.endswith(BY_HAND)]
    assert len(by_hand) == 3
    assert found[f"archive/scores.csv{BY_HAND}"] == content[:100]
    assert {path: text for path, text in found.items() if path not in by_hand} == results_of(
        undisturbed
    )


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


def test_a_shard_of_which_a_reader_found_an_image_damaged_is_made_again(scratch: Path) -> None:
    tar = Path("results/archive/images/mask-100/val/0.tar")
    images = ImageSet.open([tar])
    image_id = images.ids[0]
    data = images.read_bytes(image_id)
    spoil(tar, tar.read_bytes().replace(data, flipped(data)))
    assert not outdated(), "of the same size and time"
    with pytest.raises(InputError, match=f"{tar} is damaged: image {image_id!r} is not as its in"):
        ImageSet.open([tar]).read_bytes(image_id)
    assert outdated() == {str(tar)}


def test_a_digest_that_was_replaced_is_put_aside(scratch: Path) -> None:
    digests = [path for path in outputs() if path.suffix == DIGEST]
    first, second = digests[0], digests[1]
    first.write_bytes(second.read_bytes())
    assert outdated() == {str(first)}
