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
def output_of(snakemake: Snakemake) -> Callable[..., str]:
    """Return a function that runs the workflow, to its end or a failure, and tells what it says."""

    def run(*given: Any, fails: bool = False, **options: Any) -> str:
        done = snakemake(*given, **options)
        text = done.stdout + done.stderr
        assert (done.returncode != 0) is fails, text[-4000:]
        assert not fails or "Traceback" not in text, text[-4000:]
        return text

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
    output_of: Any, miniature: Any, tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Path:
    """Return a folder in which the whole miniature has run."""

    def make(folder: Path) -> None:
        given = ["--cores", "2", "--resources", "gpu=4", "--", "all", "compare_paper"]
        told = output_of(folder, miniature, *given)
        assert "[100 %]" in told
        last = told.rstrip().splitlines()[-1]
        assert last == f"anonbench: the report: {folder / 'results/report.html'}"

    return once(tmp_path_factory, "miniature", make, worker_id)


@pytest.fixture(scope="session")
def undisturbed(
    output_of: Callable[..., str], tmp_path_factory: pytest.TempPathFactory, worker_id: str
) -> Path:
    """Return a folder in which the small archive's experiment has run without a disturbance."""

    def make(folder: Path) -> None:
        small_archive.draw(folder)
        output_of(folder, small_archive.config(), "--cores", "2", *small_archive.TARGETS)

    return once(tmp_path_factory, "undisturbed", make, worker_id)


@pytest.fixture
def scratch(undisturbed: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    subprocess.run(["cp", "-a", undisturbed, folder], check=True)
    return folder
