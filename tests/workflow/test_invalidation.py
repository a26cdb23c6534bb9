"""Only what an edit concerns is planned: the invalidation table of docs/design.md, row by row."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

PORTRAITS, DOCUMENTS = "portraits", "documents"
# what stands on a stage, to the report; the miniature's two data sets have all of it
SCORED = {"scores", "comparisons", "table", "trend", "report", "all"}
RETRIEVED = {"retrieve", "rankings_portraits", "rankings_documents", "explore", "gallery"} | SCORED
SHOWN = {"attend", "attention", "attention_share"}
EMBEDDED = {"embed_original", "embed_unadapted", "embed_adapted", "downstream", "correlate"}
EMBEDDED |= {"heatmap"} | RETRIEVED
TRAINED = {"train_unadapted", "train_adapted", "learning"} | SHOWN | EMBEDDED


@pytest.fixture
def scratch(done: Path, tmp_path: Path) -> Path:
    """Return a copy of finished results, times and all, that may be spoilt."""
    folder = tmp_path / "scratch"
    shutil.copytree(done, folder, symlinks=True)
    return folder


@pytest.fixture
def code(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the program; it is what `snakemake` runs from then on."""
    copy = tmp_path / "code"
    for name in ("src", "workflow", "envs", "profiles"):
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "Snakefile", copy)
    monkeypatch.setenv("PYTHONPATH", str(copy / "src"))
    return copy


def planned(run: Any) -> Counter[str]:
    """Return how many jobs of each rule a dry run plans."""
    text = run.stdout + run.stderr
    assert run.returncode == 0, text[-3000:]
    return Counter(re.findall(r"^(?:local)?rule (\w+):$", text, flags=re.MULTILINE))


def edited(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    config = deepcopy(config)
    *parents, last = path.split(".")
    section = config
    for part in parents:
        section = section.setdefault(part, {})
    section[last] = value
    return config


ALWAYS = {"report", "all"}  # the report shows the config


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("presentation.dpi", 60, {"trend", "heatmap", "examples", "learning", "schedules"}),
        ("downstream.k", 3, {"downstream", "correlate", "heatmap"} | SCORED),
        ("retrieval.top", 3, RETRIEVED | {"correlate", "heatmap"}),
        ("retrieval.memory_gb", 1.0, set()),
        ("embedding.workers", 1, set()),
        ("correlation.bootstrap", 60, {"correlate", "heatmap"}),
        ("anonymization.mask.colour", [255, 255, 255], {"anonymize"} | TRAINED),
        ("anonymization.pixelate.min_block", 4, set()),  # no data set has the method
        ("recipes.documents.optimizer.steps", 5, TRAINED - {"train_adapted", "embed_adapted"}),
    ],
)
def test_an_edit_of_the_config(
    snakemake: Any, miniature: dict[str, Any], done: Path, path: str, value: Any, expected: set[str]
) -> None:
    run = snakemake(done, edited(miniature, path, value), "--cores", "2", "-n")
    rules = set(planned(run))
    assert expected <= rules
    heavy = {"manifest", "detect", "anonymize", "boxes"} | TRAINED - SCORED
    assert not rules & (heavy - expected), "nothing else that takes long"
    back = snakemake(done, miniature, "--cores", "2", "-n")
    assert not planned(back), "and nothing where it is taken back"


CODE = [
    ("training/schedules.py", "def cosine(", "# how it falls\ndef cosine(", set()),
    ("training/schedules.py", "def cosine(start: float", "def cosine(start: int", set()),
    (
        "presentation/figures/trends.py",
        "def trend(",
        "def unused() -> int:\n    return 1\n\n\ndef trend(",
        set(),
    ),
    ("training/schedules.py", "return ", "return 1.0 * ", TRAINED),
    (
        "anonymizers/methods.py",
        "np.rint(blurred)",
        "np.rint(blurred + 0.0)",
        {"anonymize"} | TRAINED,
    ),
    ("downstream/knn.py", "close - close[0]", "close - close[-1]", {"downstream"} | SCORED),
    (
        "presentation/figures/trends.py",
        "axes.grid(",
        "axes.grid(lw=0.3, ",
        {"trend", "report", "all"},
    ),
]


@pytest.mark.parametrize(("file", "old", "new", "expected"), CODE)
def test_an_edit_of_the_code(
    snakemake: Any,
    miniature: dict[str, Any],
    done: Path,
    code: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    old: str,
    new: str,
    expected: set[str],
) -> None:
    path = code / "src" / "anonbench" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    run = snakemake(done, miniature, "--cores", "2", "-n", snakefile=code / "Snakefile")
    rules = set(planned(run))
    assert expected <= rules
    if not expected:
        assert not rules
    assert not rules & ({"manifest", "detect", "anonymize"} - expected)


def test_a_touched_or_copied_result_is_as_good(
    snakemake: Any, miniature: dict[str, Any], scratch: Path
) -> None:
    for path in results_of(scratch):
        if path.suffix in (".tar", ".h5", ".safetensors"):
            os.utime(path)
    assert not planned(snakemake(scratch, miniature, "--cores", "2", "-n"))


def test_lost_records_make_nothing_stale(
    snakemake: Any, miniature: dict[str, Any], scratch: Path
) -> None:
    shutil.rmtree(scratch / ".snakemake")
    assert not planned(snakemake(scratch, miniature, "--cores", "2", "-n"))
    shutil.rmtree(scratch / ".snakemake")
    config = edited(miniature, "downstream.k", 3)
    rules = planned(snakemake(scratch, config, "--cores", "2", "-n"))
    assert rules["downstream"] == 2 * 2 + 2 + 1 + 2 + 1  # as many as there are scenarios
    assert not rules["train_unadapted"]


def test_a_result_changed_by_hand_is_made_again(
    snakemake: Any, miniature: dict[str, Any], scratch: Path
) -> None:
    backbone = scratch / "results/portraits/models/A-mask-100/seed0/backbone.safetensors"
    data = bytearray(backbone.read_bytes())
    data[-1] ^= 1
    backbone.unlink()
    backbone.write_bytes(data)
    rules = planned(snakemake(scratch, miniature, "--cores", "2", "-n"))
    assert rules["train_adapted"] == 1
    assert not rules["train_unadapted"]
    assert not rules["anonymize"]


def test_where_the_boxes_come_out_the_same_nothing_after_them_is_done(
    snakemake: Any, miniature: dict[str, Any], scratch: Path
) -> None:
    config = edited(miniature, "detection.mtcnn.thresholds", [0.6, 0.7, 0.701])
    before = {path: path.read_bytes() for path in results_of(scratch) if path.suffix == ".h5"}
    run = snakemake(scratch, config, "--cores", "2", "--resources", "gpu=4", "portraits_embeddings")
    assert run.returncode == 0, run.stderr[-3000:]
    logs = list((scratch / "results/logs/train/portraits").glob("*.log"))
    assert logs
    for log in logs:
        assert "outputs are as they were" in log.read_text(encoding="utf-8")
    assert {path: path.read_bytes() for path in before} == before


def results_of(folder: Path) -> Iterator[Path]:
    return (path for path in sorted((folder / "results").rglob("*")) if path.is_file())
