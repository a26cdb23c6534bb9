"""What is wrong, too little, or lacking for other targets is said before any job is planned."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from planned_jobs import planned

import preloaded
import small_archive
from edited_config import edited

pytestmark = pytest.mark.workflow
CORRECTED = "datasets.portraits.corrections"
LACKING = "table_VII cannot be made with this config: needs degree 25, but"
MISSPELT = "no rule of this config makes portraits_boxs; did you mean portraits_boxes?"


@pytest.mark.parametrize(
    ("path", "value", "target", "message"),
    [
        ("datasets.portraits.degres", [50], "all", "datasets.portraits.degres: unknown key"),
        (CORRECTED, "a.csv", "all", f"{CORRECTED}: there is no file a.csv"),
        ("title", "x", "table_VII", LACKING),
    ],
)
def test_a_wrong_config_is_refused(
    output_of: Any, miniature: Any, tmp_path: Path, path: str, value: Any, target: str, message: str
) -> None:
    done = output_of(tmp_path, edited(miniature, path, value), "-n", target, fails=True)
    assert message in done
    assert ".smk" not in done, "nothing is wrong in a rule file"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("portraits_boxs --configfile mine.yaml", MISSPELT),
        ("", "no config.yaml in this folder: name the experiment's config by --configfile"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_told_in_a_line(
    root: Path, miniature: Any, tmp_path: Path, words: str, said: str
) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(miniature), encoding="utf-8")
    given = ["plan", "-s", root / "Snakefile", *words.split()]
    done = preloaded.completed("anonbench", given, tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert said in done.stderr


def test_more_gpus_than_allowed(output_of: Any, miniature: Any, tmp_path: Path) -> None:
    recipe = miniature["recipes"]["portraits"] | {"device": "auto", "gpus": 8}
    config = edited(miniature, "recipes.portraits", recipe)
    target = "results/portraits/models/unadapted/seed0/backbone.safetensors"
    arguments = ["-n", "--cores", "8", "--workflow-profile", "none", "--resources", "gpu=4"]
    few = output_of(tmp_path, config, *arguments, "--", target, fails=True)
    assert "train_unadapted portraits 0 wants 8 GPUs, and gpu=4 " in few
    assert "lower gpus of the recipe, or raise gpu=" in few


def config(**other: Any) -> dict[str, Any]:
    """Return the archive twice, once for each of two systems; `other` for the second."""
    made = small_archive.config()
    base = {"split": {"validation": 1.0}, "system": "one", "adaptions": []}
    made["systems"] = {name: {"kind": "timm"} for name in ("one", "two")}
    first = made["datasets"].pop("archive") | base
    made["datasets"] = {"first": first, "second": first | {"system": "two"} | other}
    return made


MAPPED = {"split": {"validation": 1.0}, "adaptions": ["mapped"]}  # which another may not allow


@pytest.mark.parametrize("other", [{"methods": ["blur"]}, {"system": "one"}])
def test_no_findings_of_systems(tmp_path: Path, output_of: Any, other: dict[str, Any]) -> None:
    small_archive.draw(tmp_path)
    assert "findings" in output_of(tmp_path, config(**other), "-n", "findings", fails=True)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (config(**MAPPED), ["answers.csv", "results/one/results.json", "results/two/results.json"]),
        (small_archive.config(), ["effects"]),
    ],
    ids=["systems", "trained models"],
)
def test_findings_compare_systems_or_say_what_adapting_costs(
    tmp_path: Path, output_of: Any, given: dict[str, Any], says: list[str]
) -> None:
    small_archive.draw(tmp_path)
    said = output_of(tmp_path, given, "-n", "findings")
    assert ("findings_systems" in said) is (len(says) > 1)
    assert all(each in said for each in says)


def test_targets_by_number(output_of: Any, miniature: dict[str, Any], tmp_path: Path) -> None:
    targets = ["table_III", "table_V", "figure_4", "figure_7", "portraits_boxes"]
    targets += ["documents_scores", "portraits_privacy", "compare_paper", "costs"]
    output_of(tmp_path, miniature, "-n", *targets)


def test_without_a_truth_there_is_a_list_alone(output_of: Any, tmp_path: Path) -> None:
    small_archive.draw(tmp_path)
    config = small_archive.config()
    config["recipes"]["tiny"]["optimizer"]["batch_size"] = 100  # too many for a training alone
    arguments = ("-n", "--cores", "1", "--workflow-profile", "none")
    run = output_of(tmp_path, config, *arguments, "detection_quality")
    assert "quality_archive" in planned(run) and "anonymize" not in planned(run)
    (made,) = re.findall(r"rule quality_archive:\n(?:\s+input: .*\n)\s+output: (.*)", run)
    assert made == "results/archive/quality/least_certain.csv"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    small_archive.draw(tmp_path)
    return tmp_path


def test_too_few_images_are_refused_or_said(archive: Path, output_of: Any) -> None:
    config = small_archive.config()
    run = output_of(archive, config, "-n")
    assert "8 validation images give k = 2; below 5 the report states nothing" in run
    assert "a query's own image does not count. It takes 17 validation images: add 9" in run
    config |= {"retrieval": {"fraction": 0.05}}
    config["recipes"]["tiny"]["optimizer"]["batch_size"] = 9
    run = output_of(archive, config, "--cores", "1", fails=True)
    assert "datasets.archive: 8 validation images; with retrieval.fraction 0.05" in run
    assert "a ranking needs 21, and a statement 100" in run
    assert "8 train images are fewer than a batch" in run
    assert not (archive / "results/archive").exists()
    # whoever only hides needs no ranking
    output_of(archive, config, "-n", "archive_images")


def test_doubts_are_said_at_the_end_and_counted_in_the_audit(archive: Path, output_of: Any) -> None:
    for number in range(3):
        blank = archive / f"images/train/left/blank{number}.png"
        Image.fromarray(np.full((40, 40 + number), 200, np.uint8)).save(blank)
    config = small_archive.config()
    for keep in (False, True):
        config["datasets"]["archive"]["keep_without_regions"] = keep
        run = output_of(archive, config, "--cores", "1", "archive_images")
        what = "3 images without a region"
        said = f"archive: PUBLISHED UNHIDDEN: {what}" if keep else f"archive: {what}"
        lines = [line for line in run.splitlines() if said in line]
        assert len(lines) == 1, run
        audit = pd.read_csv(archive / "results/archive/audit.csv").set_index("split")
        assert audit.loc["train", "images"] == (11 if keep else 8)
        assert audit.loc["train", "without_regions"] == 3
        assert audit.loc["train", "used_without_regions"] == (3 if keep else 0)
        assert audit.loc["train", "regions"] == 8 and audit.loc["val", "images"] == 8
    # and again where nothing is left to do, by whatever logger, however quiet
    for words in (["--quiet", "all"], ["--workflow-profile", "none"]):
        run = output_of(archive, config, "--cores", "1", "archive_images", *words)
        assert f"the results so far: {said}" in run
        assert ("Nothing to be done" in run) is ("all" not in words), run


def test_what_detection_leaves_is_asked_again(archive: Path, output_of: Any) -> None:
    for image in sorted((archive / "images/val").rglob("*.png"))[:6]:
        Image.fromarray(np.full((40, 40), 200 + int(image.stem), np.uint8)).save(image)
    config = small_archive.config()
    run = output_of(archive, config, "--cores", "1", "archive_models", fails=True)
    assert "archive: after detection, 2 validation images; with retrieval.fraction" in run
    assert not (archive / "results/archive/models").exists()
