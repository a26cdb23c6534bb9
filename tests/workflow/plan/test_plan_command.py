"""`anonbench plan` after real edits: what changed is named, and what it would cost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

import preloaded

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

IMAGES = "results/archive/images"
SHARD = f"{IMAGES}/blur-100/val/0.tar"
FROM_MANIFEST = {"manifest", "match", "detect", "boxes", "originals", "anonymize", "audit"}
CONFIG: dict[str, Any] = {
    "datasets": {
        "archive": {
            "layout": "folder",
            "path": "images",
            "detectors": ["boxes"],
            "boxes": "own.csv",
            "degrees": [100],
            "methods": ["blur", "mask"],
            "recipe": "any",
        }
    },
    "recipes": {"any": {}},
}


def draw(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(values).save(path)


@pytest.fixture(scope="module")
def made(snakemake: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with images of an archive, anonymized by their own boxes."""
    folder = tmp_path_factory.mktemp("plan")
    rows = ["path,entity,x0,y0,x1,y1"]
    for number, split in enumerate(("train", "train", "val", "val")):
        draw(folder / f"images/{split}/{number}.png", number)
        rows.append(f"{split}/{number}.png,face,10,10,40,40")
    (folder / "own.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    run = snakemake(folder, CONFIG, "--cores", "2", "archive_images")
    assert run.returncode == 0, run.stderr[-3000:]
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Return a copy of it, times and all, that may be spoilt."""
    copy = tmp_path / "copy"
    shutil.copytree(made, copy, symlinks=True)
    return copy


@pytest.fixture
def code(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the program, which is what runs from then on."""
    copy = tmp_path / "code"
    for name in ("src", "workflow", "envs"):
        shutil.copytree(root / name, copy / name)
    shutil.copy(root / "Snakefile", copy)
    monkeypatch.setenv("PYTHONPATH", str(copy / "src"))
    return copy


def anonbench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return preloaded.completed("anonbench", arguments, folder)


def plan(
    folder: Path, root: Path, *arguments: str, config: dict[str, Any] = CONFIG
) -> dict[str, Any]:
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    done = said(folder, root, "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def said(folder: Path, root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    given = ["archive_images", "-s", str(root / "Snakefile"), "--configfile", "config.yaml"]
    return anonbench(folder, "plan", *given, *arguments)


def causes(found: dict[str, Any]) -> list[str]:
    return list(found["causes"])


def stages(found: dict[str, Any]) -> set[str]:
    return {job["stage"] for job in found["jobs"]}


def edited(path: str, value: Any) -> dict[str, Any]:
    config = deepcopy(CONFIG)
    *parents, last = path.split(".")
    section = config
    for part in parents:
        section = section.setdefault(part, {})
    section[last] = value
    return config


def test_nothing_is_planned_where_nothing_changed(folder: Path, root: Path) -> None:
    found = plan(folder, root)
    assert (found["jobs"], found["causes"], found["wall_seconds"]) == ([], [], 0)
    assert said(folder, root).stdout.startswith("Nothing would run")
    one = said(folder, root, "--why", str(folder / SHARD))
    assert one.stdout.startswith(f"{folder / SHARD} would not be made again")
    forced = said(folder, root, "--why", SHARD, "--forcerun", "boxes", "anonymize")
    assert "1. forced by an option of snakemake\n" in forced.stdout


def test_a_changed_setting_is_named_with_its_values_and_what_it_costs(
    folder: Path, root: Path
) -> None:
    config = edited("anonymization.mask.colour", [255, 0, 0])
    found = plan(folder, root, config=config)
    assert causes(found) == ["anonymization.mask.colour: [0, 0, 0] → [255, 0, 0]"]
    assert stages(found) == {"anonymize", "audit"}
    jobs = [job for job in found["jobs"] if job["stage"] == "anonymize"]
    written = {path for job in jobs for path in job["outputs"]}
    assert {f"{IMAGES}/mask-100/{split}/0.tar" for split in ("train", "val")} <= written
    assert all("/mask-100/" in path for path in written)
    for job in jobs:
        split = job["wildcards"]["split"]
        rows = (folder / f"results/benchmarks/anonymize/archive/mask-100/{split}/0.tsv").read_text()
        assert job["seconds"] == pytest.approx(float(rows.splitlines()[1].split("\t")[0]))
        assert job["basis"] == "measured"
        sizes = sum((folder / file).stat().st_size for file in job["outputs"])
        assert job["disk"] == sizes
    assert found["wall_seconds"] <= sum(job["seconds"] for job in found["jobs"])


def test_of_a_chain_the_beginning_is_named(folder: Path, root: Path) -> None:
    config = edited("detection.max_pixels", 10**6)
    found = plan(folder, root, config=config)
    assert causes(found) == ["detection.max_pixels: 180000000 → 1000000"]
    assert stages(found) == FROM_MANIFEST
    ways = [job["because"] for job in found["jobs"] if job["stage"] == "anonymize"]
    assert all(len(way) > 1 for causes in ways for way in causes.values())
    text = said(folder, root, "--why", f"./{SHARD}").stdout.splitlines()
    assert text[0] == (f"{SHARD} would be made by anonymize archive blur-100 val 0, because:")
    assert text[1].strip() == "1. detection.max_pixels: 180000000 → 1000000"
    assert text[2].split(" ← ")[-1].startswith(("manifest archive", "detect archive"))


@pytest.mark.parametrize(
    ("old", "new", "names", "planned"),
    [
        (
            "(blurred,",
            "(1 * blurred,",
            ["anonbench.anonymization.methods.blur.Blur was changed"],
            {"anonymize", "audit"},
        ),
        ("class Blur(", "# softly\nclass Blur(", [], set()),
    ],
)
def test_a_changed_function_is_named_and_a_comment_is_nothing(
    folder: Path, code: Path, old: str, new: str, names: list[str], planned: set[str]
) -> None:
    path = code / "src/anonbench/anonymization/methods/blur.py"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    found = plan(folder, code)
    assert causes(found) == names
    assert stages(found) == planned


def test_a_changed_an_added_and_a_removed_image_are_named(folder: Path, root: Path) -> None:
    image = folder / "images/val/2.png"
    old = image.stat()
    draw(folder / "other.png", 7)
    data = (folder / "other.png").read_bytes()
    image.unlink()
    image.write_bytes(data[: old.st_size].ljust(old.st_size, b"\0"))
    os.utime(image, (old.st_atime - 1000, old.st_mtime - 1000))  # of the same size, and older
    (folder / "images/val/3.png").rename(folder / "images/val/4.png")
    boxes = folder / "own.csv"
    boxes.write_text(boxes.read_text().replace("val/3.png", "val/4.png"))
    os.utime(folder / "images/train/0.png")  # holds what it held
    found = plan(folder, root)
    assert "own.csv has changed" in causes(found)
    of_images = [text for text in causes(found) if text.startswith("images ")]
    assert sorted(of_images) == [
        "images added: 1, such as val/4.png",
        "images changed: 1, such as val/2.png",
        "images removed: 1, such as val/3.png",
    ]
    assert stages(found) == FROM_MANIFEST


def test_an_input_file_and_a_result_changed_by_hand_are_named(folder: Path, root: Path) -> None:
    with (folder / "own.csv").open("a", encoding="utf-8") as file:
        file.write("val/2.png,face,1,1,5,5\n")
    (folder / f"{IMAGES}/mask-100/train/0.tar").write_bytes(b"spoilt")
    found = plan(folder, root)
    by_hand = f"{IMAGES}/mask-100/train/0.tar was changed by hand"
    assert by_hand in causes(found)
    assert "own.csv has changed" in causes(found)
    spoilt = [job for job in found["jobs"] if len(job["because"].get(by_hand, [])) == 1]
    assert [job["wildcards"]["variant"] for job in spoilt] == ["mask-100"]


def test_what_was_never_made_says_so_and_is_measured_by_its_like(folder: Path, root: Path) -> None:
    config = edited("datasets.archive.degrees", [50, 100])
    found = plan(folder, root, config=config)
    assert "not made yet" in causes(found)
    assert stages(found) == {"anonymize", "audit"}
    jobs = [job for job in found["jobs"] if job["stage"] == "anonymize"]
    assert {job["wildcards"]["variant"] for job in jobs} == {"blur-50", "mask-50"}
    assert all(job["basis"] == "measured" for job in jobs)
    assert all(job["disk"] > 0 for job in jobs)
    later = "results/archive/models/unadapted/seed0/backbone.safetensors"
    text = said(folder, root, "--why", later)
    assert text.returncode == 0, text.stderr
    assert f"{later} would be made by train_unadapted archive 0" in text.stdout
    assert "At most: no job of train" in text.stdout


def test_a_job_that_failed_the_last_time_says_so(folder: Path, root: Path, snakemake: Any) -> None:
    config = edited("datasets.archive.methods", ["blur", "mask", "pixelate"])
    (folder / "images/val/3.png").write_bytes(b"no image any more")
    target = f"{IMAGES}/pixelate-100/val/0.tar"
    run = snakemake(folder, config, "--cores", "1", target, "--allowed-rules", "anonymize")
    assert run.returncode != 0
    found = plan(folder, root, config=config)
    failed = f"{IMAGES}/pixelate-100/val/0.tar could not be made the last time: see "
    assert failed + "results/logs/anonymize/archive/pixelate-100/val/0.log" in causes(found)


def test_a_file_that_nothing_makes_is_refused_with_its_likes(folder: Path, root: Path) -> None:
    plan(folder, root)
    refused = said(folder, root, "--why", "results/archive/image/blur-100/val/0.tar")
    assert refused.returncode == 1
    assert "no job of this config makes it; near it: " in refused.stderr
    assert SHARD in refused.stderr
    assert "Traceback" not in refused.stderr


def test_what_snakemake_refuses_is_said_in_its_words(folder: Path, root: Path) -> None:
    (folder / "config.yaml").write_text("datasets: {}\n", encoding="utf-8")
    refused = said(folder, root)
    assert refused.returncode == 1
    assert "datasets" in refused.stderr
    assert "Traceback" not in refused.stderr
