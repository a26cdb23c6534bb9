"""Only what an edit concerns is planned: the table of docs/explanation/design.md, row by row."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from planned_jobs import edited, planned

from anonbench.core.jobs.job_cache import read_usage

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

REPORT = {"report", "all"}  # the report shows the config


def both(*patterns: str) -> set[str]:
    """Return the rules of both data sets."""
    return {each.format(name) for each in patterns for name in ("portraits", "documents")}


OF_SCORES, OF_PRIVACY = both("present_scores_{}"), both("present_privacy_{}")
OF_OTHERS, ATTENTION = both("present_others_{}"), both("attention_{}")
SHOWN = REPORT | {"cost"} | OF_PRIVACY  # what the stages took is counted after all that is shown
FIGURES = OF_SCORES | ATTENTION | {"examples"}
SCORES = {"scores"} | both("effects_{}") | OF_SCORES | OF_OTHERS | SHOWN
RATES = {"reidentification", "judge"} | SHOWN
TABLES = OF_SCORES | OF_OTHERS  # the code of all registered tables is one module
ATTACKED = {"attack", "judge"} | SHOWN
RANKED = {"trainings"} | both("retrieve_{}", "rankings_{}") | SCORES
DOWNSTREAM = both("downstream_{}")
OF_BLUR, OF_MASKED = (f"embed_portraits_{each}_100_seed0" for each in ("blur", "mask"))
ADAPTED_EMBEDDED = {OF_BLUR, OF_MASKED}  # portraits alone have adapted models
OF_UNADAPTED = ("embed_{}_unadapted_seed0", "embed_{}_unadapted_seed1")
EMBEDDED = ADAPTED_EMBEDDED | {"explore"} | both(*OF_UNADAPTED) | RANKED | DOWNSTREAM
CLUSTERED = {"clusters", "trainings"} | ATTENTION | DOWNSTREAM | SCORES | RATES | ATTACKED
UNTRAINED = both("embed_{}_baselines") | DOWNSTREAM
HIDDEN = {"anonymize", "audit", "examples"}
ATTENDED = both("attend_{}") | ATTENTION
TRAINED = {"train_unadapted", "train_adapted"} | ATTENDED | EMBEDDED
TRAINED |= {"reidentify"} | RATES | ATTACKED
ADAPTED = TRAINED - {"train_unadapted"}
# attention is looked at on blurred portraits
OF_MASK = ADAPTED - {"attend_portraits", "attention_portraits", OF_BLUR}
MORE_SEEDS = {"train_unadapted", "scenarios"} | EMBEDDED - ADAPTED_EMBEDDED - {"explore"}
MORE_SEEDS = MORE_SEEDS - both(*OF_UNADAPTED) | both("embed_{}_unadapted_seed2")
OF_DOCUMENTS = {rule for rule in TRAINED if "portraits" not in rule} - {"train_adapted"}


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
        shutil.copytree(root / name, copy / name)
    shutil.copy(root / "Snakefile", copy)
    monkeypatch.setenv("PYTHONPATH", str(copy / "src"))
    return copy


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("title", "another", REPORT),
        ("presentation.dpi", 60, FIGURES | SHOWN),
        ("downstream.k", 3, DOWNSTREAM | SCORES),
        ("retrieval.top", 3, RANKED | {"enough"}),
        ("retrieval.memory_gb", 1.0, REPORT),
        ("embedding.workers", 1, REPORT),
        ("anonymization.mask.colour", [255, 255, 255], HIDDEN | OF_MASK | UNTRAINED),
        ("anonymization.pixelate.blocks.face", 4, REPORT),  # no data set has the method
        ("anonymization.strengths.blur", {"strong": {"sigma": {"face": 0.5}}}, REPORT),  # likewise
        ("recipes.documents.optimizer.steps", 5, OF_DOCUMENTS),
        ("privacy.probes", 3, {"reidentify"} | RATES | ATTACKED),
        ("datasets.portraits.cluster", "none", {r for r in CLUSTERED if "documents" not in r}),
        ("control_seeds", [1, 2], MORE_SEEDS),
    ],
)
def test_an_edit_of_the_config(
    snakemake: Any, miniature: dict[str, Any], done: Path, path: str, value: Any, expected: set[str]
) -> None:
    run = snakemake(done, edited(miniature, path, value), "--cores", "2", "-n")
    assert set(planned(run)) == expected


def test_an_edit_that_is_taken_back_leaves_nothing_to_do(
    snakemake: Any, miniature: dict[str, Any], done: Path
) -> None:
    run = snakemake(done, edited(miniature, "retrieval.top", 3), "--cores", "2", "-n")
    assert planned(run)
    assert not planned(snakemake(done, miniature, "--cores", "2", "-n"))


TREND = "reporting/figures/trends.py"
NEVER_EXECUTED = [
    ("training/loop/trainer.py", "def cosine(", "# how it falls\ndef cosine("),
    ("training/loop/trainer.py", "def cosine(start: float", "def cosine(start: int"),
]
CODE = [
    ("training/loop/trainer.py", "end + 0.5", "1.0 * end + 0.5", TRAINED),
    ("anonymization/methods/blur.py", "(blurred,", "(1 * blurred,", HIDDEN | ADAPTED | UNTRAINED),
    ("evaluation/downstream/evaluate.py", "- close[0])", "- close[-1])", DOWNSTREAM | SCORES),
    (
        "evaluation/privacy/probes.py",
        "rank - found.above",
        "rank - 1 * found.above",
        {"reidentify"} | RATES | TABLES,
    ),
    (
        "evaluation/privacy/rates.py",
        "hit_rates(places, rank)",
        "hit_rates(places, 1 * rank)",
        RATES | TABLES,
    ),
    (TREND, "axes.set_", "axes and axes.set_", TABLES | SHOWN),
]


@pytest.mark.parametrize(("file", "old", "new", "expected"), CODE)
def test_an_edit_of_the_code(
    snakemake: Any,
    miniature: dict[str, Any],
    done: Path,
    code: Path,
    file: str,
    old: str,
    new: str,
    expected: set[str],
) -> None:
    edit(code, file, old, new)
    run = snakemake(done, miniature, "--cores", "2", "-n", snakefile=code / "Snakefile")
    assert set(planned(run)) == expected


def test_edits_of_what_is_never_executed_plan_nothing(
    snakemake: Any, miniature: dict[str, Any], done: Path, code: Path
) -> None:
    for each in NEVER_EXECUTED:
        edit(code, *each)
    run = snakemake(done, miniature, "--cores", "2", "-n", snakefile=code / "Snakefile")
    assert not planned(run)


def edit(code: Path, file: str, old: str, new: str) -> None:
    """Edit a file of a copy of the program."""
    path = code / "src" / "anonbench" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_a_touched_or_copied_result_is_as_good(
    snakemake: Any, miniature: dict[str, Any], scratch: Path
) -> None:
    for path in results_of(scratch):
        if path.suffix in (".tar", ".h5", ".safetensors"):
            os.utime(path)
    assert not planned(snakemake(scratch, miniature, "--cores", "2", "-n"))


def test_where_the_boxes_come_out_the_same_nothing_after_them_is_done(
    snakemake: Any, miniature: dict[str, Any], scratch: Path
) -> None:
    config = edited(miniature, "detection.mtcnn.thresholds", [0.6, 0.7, 0.701])
    before = {path: path.read_bytes() for path in results_of(scratch) if path.suffix == ".h5"}
    benchmarks = of_training(scratch / "results/benchmarks/train/portraits", "*.tsv")
    trainings = {path: read_usage(path) for path in benchmarks}
    run = snakemake(scratch, config, "--resources", "gpu=4", "--cores", "2", "portraits_embeddings")
    assert run.returncode == 0, run.stderr[-3000:]
    logs = of_training(scratch / "results/logs/train/portraits", "*.log")
    assert logs
    for log in logs:
        assert "outputs are kept" in log.read_text(encoding="utf-8")
    assert {path: path.read_bytes() for path in before} == before
    assert len(benchmarks) == len(logs)
    assert {path: read_usage(path) for path in benchmarks} == trainings, "what training took"


def of_training(folder: Path, pattern: str) -> list[Path]:
    """Return the files of trainings; the untrained network needs no boxes."""
    return [path for path in folder.glob(f"*/{pattern}") if path.parent.name != "untrained"]


def results_of(folder: Path) -> Iterator[Path]:
    return (path for path in sorted((folder / "results").rglob("*")) if path.is_file())
