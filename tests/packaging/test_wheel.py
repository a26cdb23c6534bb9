"""The wheel, in an environment that has nothing but what it asks for."""

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from PIL import Image

import bundled_results as made
from anonbench.bundle.write import write_bundle

pytestmark = pytest.mark.slow

ANONYMIZE = """
import numpy as np
from anonbench import anonymize
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity, Variant

image = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
regions = [Region(Entity.FACE, 10, 10, 40, 50, score=1.0)]
for variant in ("mask-100", "blur-100", "pixelate-100"):
    hidden = anonymize(image, regions, Variant.parse(variant))
    changed = (hidden != image).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (10, 49, 10, 39), variant
    assert changed[10:50, 10:40].mean() > 0.9, variant
"""
EVALUATE = """
import numpy as np
vectors = np.random.default_rng(0).normal(size=(100, 16)).astype(np.float32)
np.save("all.npy", vectors)
open("all.ids.txt", "w").writelines(f"{number}\\n" for number in range(100))
"""


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command that knows nothing of this environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=kept
    )


def checked(*command: str | Path, folder: Path) -> str:
    done = run(*command, folder=folder)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def programs(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of programs of an environment with the wheel and its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    venv.create(folder / "venv")
    programs = folder / "venv/bin"
    pip = [sys.executable, "-m", "pip", "--python", programs / "python"]
    asked = run(*pip, "install", "--dry-run", "--no-deps", "tqdm", "setuptools", folder=folder)
    if asked.returncode:
        pytest.skip(f"no package index can be reached: {asked.stderr[-200:]}")
    # a copy: setuptools leaves its own files beside the sources
    listed = checked("git", "ls-files", "-co", "--exclude-standard", "src", folder=root)
    for name in ("pyproject.toml", "README.md", "LICENSE", *listed.splitlines()):
        if (root / name).is_file():
            (folder / "sources" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "sources" / name).write_bytes((root / name).read_bytes())
    checked(*pip, "install", "--no-compile", "./sources", folder=folder)  # as a wheel of them
    return programs


def test_an_empty_environment_gets_a_working_command(programs: Path, tmp_path: Path) -> None:
    missing = run(programs / "python", "-c", "import torch, snakemake", folder=tmp_path)
    assert "ModuleNotFoundError" in missing.stderr, "the core is to do without them"
    checked(programs / "python", "-c", EVALUATE, folder=tmp_path)
    names = ("reference", "queries", "database")
    files = [part for name in names for part in (f"--{name}", "all.npy")]
    printed = checked(programs / "anonbench", "score", *files, folder=tmp_path)
    scores = {line.split()[0]: line.split()[1] for line in printed.splitlines() if line}
    assert scores["map"] == scores["mndcg"] == "1.0000"
    checked(programs / "python", "-c", ANONYMIZE, folder=tmp_path)
    checked(programs / "anonbench", "config", "--root", ".", folder=tmp_path)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (80, 60)).save(tmp_path / "photos/one.png")
    for command, says in (
        (["plan"], "a wheel has none: run this in a clone"),
        (["anonymize", "photos", "-o", "hidden"], 'not installed: pip install "anonbench[detect]"'),
    ):
        refused = run(programs / "anonbench", *command, folder=tmp_path)
        assert refused.stderr.count("\n") == 1 and says in refused.stderr, refused.stderr


def test_a_bundle_is_verified_there(
    programs: Path, root: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_bundle(made.finished(tmp_path_factory), root, tmp_path / "bundle.tar")
    printed = checked(programs / "anonbench", "verify", "bundle.tar", folder=tmp_path)
    assert "everything is as published" in printed
