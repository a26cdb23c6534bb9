"""Snakemake as a user calls it, on a miniature of the demo."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from filelock import FileLock

import preloaded
import small_archive
from anonbench.core.jobs.fingerprint import code_digest

Snakemake = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def snakemake(root: Path) -> Snakemake:
    """Return a function that runs the workflow in a folder with a config."""
    # what this process remembers of the code may replace what is kept for all: it has to be whole
    for script in sorted((root / "workflow" / "scripts").glob("*.py")):
        code_digest(script)

    def run(
        folder: Path, config: dict[str, Any], *arguments: str, snakefile: Path = root / "Snakefile"
    ) -> subprocess.CompletedProcess[str]:
        path = folder / "config.yaml"
        path.write_text(yaml.safe_dump(config), encoding="utf-8")
        command = ["-s", snakefile, "--directory", folder, "--configfile", path]
        command += ["--scheduler", "greedy", *arguments]  # as by default, in tests without profile
        return preloaded.completed("snakemake", command, folder)

    return run


@pytest.fixture(scope="session")
def miniature(root: Path) -> dict[str, Any]:
    """Return a config of two tiny generated data sets and short trainings of the demo's recipes."""
    demo = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    recipes = {name: demo["recipes"][name] for name in ("portraits", "documents")}
    for recipe in recipes.values():
        recipe["optimizer"] |= {"steps": 4, "batch_size": 8}
    portraits = demo["datasets"]["portraits"] | {
        "demo": {"kind": "portraits", "train_identities": 8, "val_identities": 5, "photos": 4},
        "methods": ["blur", "mask"],
        "adaptions": ["A"],
        "shard_size": 24,  # two of train, and one of val
    }
    documents = demo["datasets"]["documents"] | {
        "demo": {"kind": "documents", "train_per_class": 1, "val_per_class": 1},
        "methods": ["mask"],
        "degrees": [50, 100],
        "adaptions": [],
        "shard_size": 64,
    }
    return {
        "title": "miniature",
        "control_seeds": [1],
        "datasets": {"portraits": portraits, "documents": documents},
        "recipes": recipes,
        "detection": {"speed": "single"},
        "privacy": demo["privacy"] | {"attacked_regions": 4, "residual": {"images": 4}},
        "retrieval": {"fraction": 0.15},
        "presentation": {"bootstrap": 50},
    }


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None], worker: str
) -> Path:
    """Return this worker's own copy, links and times and all, of a folder that one worker makes."""
    shared = factory.getbasetemp().parent if worker != "master" else factory.getbasetemp()
    made, copy = shared / f"{name}-of-all", factory.mktemp(name) / "copy"
    with FileLock(f"{made}.lock"):
        if not made.exists():
            part = made.with_name(f"{made.name}.part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            make(part)
            part.rename(made)
        subprocess.run(["cp", "-a", made, copy], check=True)
    return copy


@pytest.fixture(scope="session")
def done(
    snakemake: Snakemake,
    miniature: dict[str, Any],
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
) -> Path:
    """Return a folder in which the whole miniature has run."""

    def make(folder: Path) -> None:
        run = snakemake(folder, miniature, "--cores", "2", "--resources", "gpu=4")
        assert run.returncode == 0, run.stderr[-4000:]
        assert "[100 %]" in run.stderr
        last = run.stderr.rstrip().splitlines()[-1]
        assert last == f"anonbench: the report: {folder / 'results/report.html'}"

    return once(tmp_path_factory, "miniature", make, worker_id)


@pytest.fixture(scope="session")
def undisturbed(
    snakemake: Snakemake, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Path:
    """Return a folder in which the small archive's experiment has run without a disturbance."""

    def make(folder: Path) -> None:
        small_archive.draw(folder)
        config = small_archive.config()
        run = snakemake(folder, config, "--cores", "2", *small_archive.TARGETS)
        assert run.returncode == 0, run.stderr[-4000:]

    return once(tmp_path_factory, "undisturbed", make, worker_id)


@pytest.fixture
def scratch(undisturbed: Path, tmp_path: Path) -> Path:
    """Return a copy of finished results, links and times and all, that may be spoilt."""
    folder = tmp_path / "scratch"
    subprocess.run(["cp", "-a", undisturbed, folder], check=True)
    return folder
