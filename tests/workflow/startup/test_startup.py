"""What is read and checked when the Snakefile is parsed: also, whether images are too few."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from anonbench.config import Retrieval, load
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Split
from anonbench.workflow import startup
from anonbench.workflow.image_counts import check_counts, require_classes, require_left
from anonbench.workflow.startup import Startup


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return a config of three train and four validation images, in the current folder."""
    monkeypatch.chdir(tmp_path)
    for split, count in (("train", 3), ("val", 4)):
        (tmp_path / "images" / split).mkdir(parents=True)
        for number in range(count):
            Image.new("L", (8, 8)).save(tmp_path / "images" / split / f"{number}.png")
    data = {"layout": "folder", "path": "images", "detectors": ["zxing"]}
    recipes = {"default": {"optimizer": {"batch_size": 2}}}
    return {"datasets": {"mine": data}, "recipes": recipes, "retrieval": {"fraction": 0.5}}


def start(config: dict[str, Any], is_main: bool = True, has_storage: bool = False) -> Startup:
    return startup.start(config, [], is_main=is_main, has_storage=has_storage)


def test_images_are_counted_by_split_and_a_replaced_one_is_noticed(config: dict[str, Any]) -> None:
    started = start(config)
    assert started.counts == {"mine": {Split.TRAIN: 3, Split.VAL: 4}}
    assert len(started.listings["mine"]) == 7
    assert started.user_files == {"mine": {}}
    before = startup.scanned(start(config), "mine")
    assert before == startup.scanned(start(config), "mine")
    Image.new("L", (9, 9)).save("images/val/0.png")
    assert startup.scanned(start(config), "mine") != before


def test_a_few_images_tell_their_size_where_jobs_are_planned(config: dict[str, Any]) -> None:
    Image.new("L", (800, 1_000)).save("images/train/0.png")
    Path("images/val/0.png").write_bytes(b"no image")
    assert start(config).megapixels["mine"] == pytest.approx((0.8 + 5 * 64e-6) / 6)
    assert start(config, is_main=False).megapixels == {}
    for file in Path("images").glob("*/*"):
        file.write_bytes(b"no image")
    assert start(config).megapixels == {}


def test_files_of_the_user_are_checked_where_jobs_are_planned(config: dict[str, Any]) -> None:
    Path("boxes.csv").write_text("id,entity\n", encoding="utf-8")
    config["datasets"]["mine"] |= {"boxes": "boxes.csv", "detectors": ["boxes"]}
    with pytest.raises(InputError, match=r"boxes\.csv"):
        start(config)
    assert start(config, is_main=False).user_files["mine"]["boxes"] == [Path("boxes.csv")]


def test_data_of_a_storage_and_a_config_that_cannot_be_read(config: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="path"):
        start(config, has_storage=True)
    config["datasets"]["mine"]["path"] = str(Path("images").resolve())
    assert start(config, has_storage=True).counts["mine"][Split.VAL] == 4
    with pytest.raises(InputError, match=r"none\.yaml cannot be read .No such file"):
        startup.start(config, ["none.yaml"], is_main=True, has_storage=False)


def test_a_target_that_cannot_be_made_has_a_reason(config: dict[str, Any]) -> None:
    reasons = startup.unavailable_targets(start(config))
    assert "mine_boxes" not in reasons
    for target, reason in (
        ("table_V", "needs a data set with paper_role: celeba"),
        ("table_II", "needs a data set with paper_role: celeba"),
        ("compare_paper", "no data set has a paper_role"),
    ):
        assert reasons[target].startswith(reason)


def test_files_that_a_stage_reads(config: dict[str, Any]) -> None:
    started = start(config)
    assert started.demo_marker("mine") == started.pretrained("mine") == []
    assert started.attackers() == started.detection_files("mine") == []
    Path("weights.pt").write_bytes(b"\x80")
    config["recipes"]["default"]["backbone"] = {"pretrained": "weights.pt"}
    assert start(config).pretrained("mine") == [Path("weights.pt")]
    demo = {"kind": "portraits", "train_identities": 8, "val_identities": 5, "photos": 4}
    data = {"layout": "celeba", "path": "d", "detectors": ["mtcnn"], "demo": demo}
    started = start({"datasets": {"mine": data}}, is_main=False)
    assert started.demo_marker("mine") == [Path("d/contents.csv")]
    assert startup.scanned(started, "mine") is None


@pytest.mark.parametrize(("blocks", "is_weak"), [(6, False), (24, True)])
def test_a_strength_that_hides_next_to_nothing_is_said(
    config: dict[str, Any], blocks: int, is_weak: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    config["datasets"]["mine"]["methods"] = ["pixelate", "pixelate_fine", "blur"]
    strengths = {"pixelate": {"fine": {"blocks": {"face": blocks}}}}
    config["anonymization"] = {"strengths": strengths}
    startup.say_what_stands(start(config).settings)
    said = capsys.readouterr().err
    assert said.startswith("anonbench: pixelate_fine: weak") if is_weak else not said


def experiment(**settings: object) -> Experiment:
    data = {"layout": "folder", "path": "x", "detectors": ["zxing"]}
    recipes = {"default": {"optimizer": {"batch_size": 8}}}
    return Experiment(load({"datasets": {"a": data, "b": data}, "recipes": recipes} | settings))


def counts(train: int, val: int) -> dict[str, dict[Split, int]]:
    return {name: {Split.TRAIN: train, Split.VAL: val} for name in ("a", "b")}


def test_enough_is_silent_and_less_than_a_batch_is_refused() -> None:
    assert check_counts(experiment(), counts(8, 100)) == []
    with pytest.raises(InputError, match=r"datasets\.b: 7 train images are fewer than a batch"):
        check_counts(experiment(), counts(7, 100))
    with pytest.raises(InputError) as error:
        check_counts(experiment(), counts(8, 1), ["a"])
    assert "datasets.b" not in str(error.value)


@pytest.mark.parametrize("val", [0, 20])
def test_a_ranking_of_nothing_is_refused_with_what_is_needed(val: int) -> None:
    said = rf"datasets.a: {val} validation images; .* a ranking needs 21, and a statement 100\n"
    with pytest.raises(InputError, match=said):
        check_counts(experiment(), counts(8, val))
    assert "give k = 1" in check_counts(experiment(), counts(8, 21))[0]


def test_what_the_report_will_not_state_is_said() -> None:
    a, b = check_counts(experiment(), counts(8, 99))
    assert a.startswith("datasets.a: 99 validation images give k = 4; below 5 the report states")
    assert b.endswith("It takes 100 validation images: add 1")
    few = check_counts(experiment(retrieval={"fraction": 0.5}), counts(8, 16))
    assert "16 queries" in few[0] and "states nothing about re-identification" in few[1]
    asked = experiment(retrieval={"queries": 5})
    assert "5 queries are scored" in check_counts(asked, counts(8, 100))[0]
    quiet = experiment(retrieval={"fraction": 0.5}, privacy={"enabled": False})
    assert not any("re-identification" in text for text in check_counts(quiet, counts(8, 16)))


def test_what_is_left_is_asked_again_and_one_class_refused(tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text("split,used\ntrain,8\nval,21\n")
    require_left(tmp_path / "counts.csv", Retrieval(), 8)
    (tmp_path / "counts.csv").write_text("split,used\ntrain,7\nval,20\n")
    with pytest.raises(InputError, match=r"after detection, 20 validation images; .*; 7 train im"):
        require_left(tmp_path / "counts.csv", Retrieval(), 8)
    table = pd.DataFrame({"split": ["train", "train", "val"], "class": ["x", "x", "y"]})
    table.to_parquet(tmp_path / "manifest.parquet")
    with pytest.raises(InputError, match="all train images have the same class"):
        require_classes(tmp_path / "manifest.parquet", "class")
    require_classes(tmp_path / "manifest.parquet", None)
    table.assign(split=["train", "val", "train"]).to_parquet(tmp_path / "manifest.parquet")
    require_classes(tmp_path / "manifest.parquet", "class")
