"""Too few images are refused by counts alone, before anything is searched or trained."""

from pathlib import Path

import pandas as pd
import pytest

from anonbench.config import Retrieval, load
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Split
from anonbench.workflow.image_counts import check_counts, require_classes, require_left


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
    assert b.endswith("It takes 100: add 1")
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
