"""What is wrong is said in one message, with its place, before any job is planned."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import preloaded
from edited_config import edited

pytestmark = pytest.mark.workflow
CORRECTED = "datasets.portraits.corrections"
LACKING = "table_VII cannot be made with this config: needs degree 25, but"
UNKNOWN = "unrecognized arguments: --confgfile; did you mean --configfile?"
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
    ("words", "status", "said"),
    [
        ("--confgfile x", 2, UNKNOWN),
        ("portraits_boxs --configfile mine.yaml", 1, MISSPELT),
        ("", 1, "no config.yaml in this folder: name the experiment's config by --configfile"),
    ],
)
def test_what_is_wrong_on_the_command_line_is_told_in_a_line(
    root: Path, miniature: Any, tmp_path: Path, words: str, status: int, said: str
) -> None:
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(miniature), encoding="utf-8")
    given = ["plan", "-s", root / "Snakefile", *words.split()]
    done = preloaded.completed("anonbench", given, tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (status, 1)
    assert said in done.stderr


def test_more_gpus_than_allowed(output_of: Any, miniature: Any, tmp_path: Path) -> None:
    recipe = miniature["recipes"]["portraits"] | {"device": "auto", "gpus": 8}
    config = edited(miniature, "recipes.portraits", recipe)
    target = "results/portraits/models/unadapted/seed0/backbone.safetensors"
    arguments = ["-n", "--cores", "8", "--workflow-profile", "none", "--resources", "gpu=4"]
    few = output_of(tmp_path, config, *arguments, "--", target, fails=True)
    assert "train_unadapted portraits 0 wants 8 GPUs, and gpu=4 " in few
    assert "lower gpus of the recipe, or raise gpu=" in few
