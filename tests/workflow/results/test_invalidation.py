"""Only what an edit concerns is planned: the table of docs/explanation/design.md, row by row."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from planned_jobs import planned

import small_archive
from anonbench.core.jobs.job_cache import read_usage
from edited_config import edited

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

REPORT = {"report", "all"}  # the report shows the config


def both(*patterns: str) -> set[str]:
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
CLUSTERED = {"clusters", "quality_portraits", "trainings"} | ATTENTION
CLUSTERED |= DOWNSTREAM | SCORES | RATES | ATTACKED
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
def code(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of the program; it is what `snakemake` runs from then on."""
    copy = tmp_path / "code"
    for name in ("src", "workflow", "envs", "profiles"):
        shutil.copytree(root / name, copy / name)
    shutil.copy(root / "Snakefile", copy)
    monkeypatch.setenv("PYTHONPATH", str(copy / "src"))
    return copy


SHOWN_ONLY = {
    "title": "another",
    "retrieval.memory_gb": 1.0,
    "embedding.workers": 1,
    # no data set has these methods
    "anonymization.pixelate.blocks.face": 4,
    "anonymization.strengths.blur": {"strong": {"sigma": {"face": 0.5}}},
    "redrawing.steps": 5,
}


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("presentation.dpi", 60, FIGURES | SHOWN),
        ("downstream.k", 3, DOWNSTREAM | SCORES),
        ("retrieval.top", 3, RANKED | {"enough"}),
        ("anonymization.mask.colour", [255, 255, 255], HIDDEN | OF_MASK | UNTRAINED),
        ("recipes.documents.optimizer.steps", 5, OF_DOCUMENTS),
        ("privacy.probes", 3, {"reidentify"} | RATES | ATTACKED),
        ("datasets.portraits.cluster", "none", {r for r in CLUSTERED if "documents" not in r}),
        ("control_seeds", [1, 2], MORE_SEEDS),
    ],
)
def test_an_edit_of_the_config(
    output_of: Any, miniature: dict[str, Any], done: Path, path: str, value: Any, expected: set[str]
) -> None:
    config = edited(miniature, path, value)
    assert set(planned(output_of(done, config, "--cores", "2", "-n"))) == expected


def test_an_edit_that_no_job_reads(output_of: Any, miniature: dict[str, Any], done: Path) -> None:
    config = miniature
    for path, value in SHOWN_ONLY.items():
        config = edited(config, path, value)
    assert set(planned(output_of(done, config, "--cores", "2", "-n"))) == REPORT


Edit = tuple[str, str, str]  # a file, what is replaced in it, and by what
NEVER_EXECUTED = [
    ("training/loop/trainer.py", "def cosine(", "# how it falls\ndef cosine("),
    ("training/loop/trainer.py", "def cosine(start: float", "def cosine(start: int"),
]
TRAINER = ("training/loop/trainer.py", "end + 0.5", "1.0 * end + 0.5")
BLUR = ("anonymization/methods/blur.py", "(blurred,", "(1 * blurred,")
CLASSIFIED = ("evaluation/downstream/evaluate.py", "- close[0])", "- close[-1])")
PROBES = ("evaluation/privacy/probes.py", "rank - found.above", "rank - 1 * found.above")
TREND = ("reporting/figures/trends.py", "axes.set_", "axes and axes.set_")


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        ([TRAINER], TRAINED),
        ([BLUR], HIDDEN | ADAPTED | UNTRAINED),
        ([CLASSIFIED, PROBES], DOWNSTREAM | SCORES | {"reidentify"} | RATES | TABLES),
        ([*NEVER_EXECUTED, TREND], TABLES | SHOWN),
    ],
    ids=["training", "blur", "evaluation", "figure"],
)
def test_an_edit_of_the_code(
    output_of: Any, miniature: Any, done: Path, code: Path, edits: list[Edit], expected: set[str]
) -> None:
    for each in edits:
        edit(code, *each)
    run = output_of(done, miniature, "--cores", "2", "-n", snakefile=code / "Snakefile")
    assert set(planned(run)) == expected


def edit(code: Path, file: str, old: str, new: str) -> None:
    path = code / "src" / "anonbench" / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_equal_boxes_keep_what_comes_after_them(output_of: Any, scratch: Path) -> None:
    config = edited(small_archive.config(), "detection.speed", "quick")
    before = {path: path.read_bytes() for path in scratch.glob("results/**/*.h5")}
    benchmarks = of_training(scratch / "results/benchmarks/train/archive", "*.tsv")
    trainings = {path: read_usage(path) for path in benchmarks}
    output_of(scratch, config, "--cores", "2", "archive_embeddings")
    logs = of_training(scratch / "results/logs/train/archive", "*.log")
    assert logs
    for log in logs:
        assert "outputs are kept" in log.read_text(encoding="utf-8")
    assert {path: path.read_bytes() for path in before} == before
    assert len(benchmarks) == len(logs)
    assert {path: read_usage(path) for path in benchmarks} == trainings, "what training took"


def of_training(folder: Path, pattern: str) -> list[Path]:
    """Return the files of trainings; the untrained network needs no boxes."""
    return [path for path in folder.glob(f"*/{pattern}") if path.parent.name != "untrained"]
