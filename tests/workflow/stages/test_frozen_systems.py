"""Frozen experiments and given pictures: another's function and another program are measured."""

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import small_archive
from anonbench.anonymization.export import check_request
from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Baseline, Model, Split, Variant
from anonbench.reporting.html.page import sections
from anonbench.workflow.paths import Paths
from anonbench.workflow.preflight import require_files
from anonbench.workflow.rule_parts import Shown

pytestmark = pytest.mark.workflow
THEIRS = Variant("given_deface", 100)
MODULE = """
import numpy as np
from PIL import Image
def encode(images):
    with open("calls.txt", "a") as file:
        file.write(f"{len(images)}\\n")
    small = [Image.fromarray(i).resize((8, 8), Image.Resampling.BOX) for i in images]
    return np.array([np.asarray(each, np.float32).ravel() - 128 for each in small])
"""


def frozen(**changes: Any) -> dict[str, Any]:
    """Return the smallest archive, all of it searched by a function."""
    config = small_archive.config()
    archive = config["datasets"]["archive"]
    for name in ("adaptions", "recipe"):
        del archive[name]
    archive |= {"system": "ours", "split": {"validation": 1.0}, "methods": ["blur", "mask"]}
    del config["recipes"]
    config["datasets"]["archive"] = archive | changes
    ours = {"kind": "function", "function": "examples:encode", "similarity": "euclidean"}
    return config | {"systems": {"ours": ours}, "control_seeds": [7]}


def given(**changes: Any) -> dict[str, Any]:
    """Return the smallest archive with pictures of another program."""
    config = small_archive.config()
    config["datasets"]["archive"] |= {"given": {"deface": "theirs"}} | changes
    return config


def test_nothing_is_trained_and_no_baseline_needs_a_network() -> None:
    experiment = Experiment(load(frozen()))
    assert experiment.models("archive") == [Model()]
    assert experiment.trained == experiment.trainings("archive") == []
    assert experiment.second_references("archive") == ()
    runs = {run.model for run in experiment.scenarios("archive")}
    assert runs == {Model(), Model(Baseline.PIXELS)}
    assert {table.kind for table in experiment.tables} == {"retrieval", "agreement"}
    assert experiment.shards("archive", Split.TRAIN, {Split.TRAIN: 0, Split.VAL: 16}) == []


def _attacks(config: dict[str, Any]) -> str:
    return sections(Experiment(load(config)), Path("results"), {})[0].attacked_by


def test_what_cannot_embed_crops_needs_a_recognizer_for_attacks() -> None:
    config = frozen()
    assert _attacks(config) == "enabled: true"
    config["systems"]["ours"] = {"kind": "vectors", "path": "vectors/{variant}.npz"}
    said = f"privacy: {{{_attacks(config)}}}"
    setting = yaml.safe_load(said.replace("face.onnx", "null"))
    assert load(config | setting).privacy.enabled and "recognizer" in setting["privacy"]


def test_the_report_names_one_system_or_says_that_there_are_several() -> None:
    config = frozen()
    assert Experiment(load(config)).system_label == "ours"
    archive = config["datasets"]["archive"]
    config["systems"]["theirs"] = {"kind": "timm"}
    config["datasets"]["other"] = archive | {"system": "theirs"}
    assert Experiment(load(config)).system_label == "the data set’s system"
    trained = small_archive.config()
    assert Experiment(load(trained)).system_label is None


def test_updates_without_an_image_to_learn_from_are_refused() -> None:
    with pytest.raises(InputError, match=r"split.validation: 1.0 leaves no image for adaption D"):
        load(frozen(adaptions=["D"]))


def test_given_pictures_are_a_variant_downstream_and_shown_nowhere() -> None:
    experiment = Experiment(load(given(degrees=[50, 100])))
    assert experiment.variants("archive")[-1] == THEIRS
    assert {str(model) for model in experiment.models("archive")} >= {"A-given_deface-100"}
    paths = Paths(experiment, {"archive": {Split.TRAIN: 8, Split.VAL: 8}}, {"archive": {}})
    assert ("given_deface-100", "A-given_deface-100") in paths.attacked("archive")
    assert any("given_deface-100/train" in path for path in paths.learned_pictures("archive"))
    assert "given" in experiment.tables_of("archive")
    audited = {variant for _, variant, _ in paths.audited_sets("archive")}
    shown = Shown(experiment)
    pictures = {*shown.examples("archive"), *shown.attention("archive")}
    pictures |= {*shown.explored_pictures("archive").values()}
    pictures |= {str(run.variant) for run in shown.explored("archive")}
    assert audited and pictures
    assert not any("given" in variant for variant in audited | pictures)


def test_given_pictures_are_not_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="not audited and not exported"):
        check_request(load(given()), "archive", [THEIRS], tmp_path / "new", None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"datasets\.archive\.given\.deface: there is no folder"):
        require_files(load(given()))
    Path("images/theirs").mkdir(parents=True)
    with pytest.raises(InputError, match="its pictures count as originals"):
        require_files(load(given(given={"deface": "images/theirs"})))


def put_in_one_folder(folder: Path) -> None:
    """Of sixteen given pictures one is a copy, one half hidden, one missing and one too small."""
    for file in sorted((folder / "images").rglob("*.png")):
        number, place = int(file.stem), Path(file.parent.name, file.name)
        target = folder / "theirs" / place.with_suffix(".jpg")
        for made in (target, folder / "images" / place):
            made.parent.mkdir(parents=True, exist_ok=True)
        picture = np.array(Image.open(file))
        picture[:, : picture.shape[1] // 2 if number == 1 else None] = 0
        if number == 0:
            shutil.copy(file, target.with_suffix(".png"))
        elif number != 2:
            Image.fromarray(picture[1:] if number == 3 else picture).save(target, quality=80)
        shutil.move(file, folder / "images" / place)
    for split in ("train", "val"):
        shutil.rmtree(folder / "images" / split)


@pytest.mark.slow
def test_from_images_to_the_report_of_a_function(tmp_path: Path, output_of: Any) -> None:
    small_archive.draw(tmp_path)
    put_in_one_folder(tmp_path)
    (tmp_path / "examples.py").write_text(MODULE)  # as one of the workflow's scripts

    def run(config: dict[str, Any], *targets: str) -> tuple[str, int]:
        """Return what a run says, and in how many images the function has looked at."""
        calls = tmp_path / "calls.txt"
        calls.unlink(missing_ok=True)
        quiet = ("--workflow-profile", "none", "--quiet", "rules", "progress", "--cores", "2")
        told = output_of(tmp_path, config, *quiet, *targets)
        return told, sum(map(int, calls.read_text().split()))

    theirs = {"given": {"deface": "theirs"}}
    told, calls = run(frozen(**theirs))
    said = "1 of 14 regions that detection found are visible and 1 partly hidden"
    assert f"pictures of deface: {said}; 1 picture unchanged; 2 images left out" in told
    results = tmp_path / "results"
    archive = results / "archive"
    counts = pd.read_csv(archive / "given.csv", keep_default_na=False).set_index("what")["count"]
    expected = {"hidden": 12, "partly": 1, "visible": 1, "original": 1}
    expected |= {"missing": 1, "other_size": 1}
    assert {name: float(counts[name]) for name in expected} == expected
    audit = pd.read_csv(archive / "audit.csv")
    assert set(audit["variant"]) == {"blur-100", "mask-100"} and set(audit["images"]) == {14}
    assert not (archive / "models").exists() and not list(archive.rglob("train.h5"))
    scores = pd.read_csv(archive / "scores.csv")
    assert set(scores["adaption"]) == {"unadapted", "pixels"}
    assert {"mask", "given_deface"} <= set(scores["method"])
    assert set(scores["metric"]) >= {"map", "mndcg"}
    page = (results / "report.html").read_text(encoding="utf-8")
    seen = re.sub(r"<script.*?</script>", " ", page, flags=re.DOTALL)
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", seen))
    assert "ours" in said
    assert "Unadapted" not in said and "unadapted model" not in said  # only in paths
    for table in (results / "tables").rglob("*.md"):
        assert "unadapted" not in table.read_text(encoding="utf-8").lower(), table
    assert "adapting" not in said.lower().split("how to read")[0]
    # a method more: only its images are new; another picture of theirs: judged again
    place = Path("left/04")
    shutil.copy(tmp_path / "images" / f"{place}.png", tmp_path / "theirs" / f"{place}.png")
    (tmp_path / "theirs" / f"{place}.jpg").unlink()
    more = frozen(methods=["blur", "mask", "pixelate"], **theirs) | {"privacy": {"enabled": False}}
    told, again = run(more, "archive_embeddings", "table_given_archive")
    assert "2 of 14 regions that detection found are visible" in told
    # three are asked for twice, to see that the answer is the same
    assert 0 < again <= 14 + 1 + 3 < calls
