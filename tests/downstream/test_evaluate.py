"""Both classifiers from files to files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from anonbench.config import Downstream, Linear
from anonbench.downstream.evaluate import evaluate_downstream
from anonbench.embeddings import Embeddings, write_embeddings
from anonbench.errors import InputError

SETTINGS = Downstream(linear=Linear(strengths=(0.1, 1.0)))


class Case:
    """Train and validation embeddings with labels, ready to be changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        generator = np.random.default_rng(0)
        self.names = {"train": [f"t{i:03d}" for i in range(120)]}
        self.names["val"] = [f"v{i:03d}" for i in range(45)]
        self.values = {}
        rows = []
        for split, ids in self.names.items():
            codes = np.arange(len(ids)) % 7 % 3  # classes of unequal size
            noise = 0.4 * generator.standard_normal((len(ids), 6))
            self.values[split] = (np.eye(6)[codes] + noise).astype(np.float32)
            rows += [{"id": n, "label": int(c)} for n, c in zip(ids, codes, strict=True)]
        self.labels = pd.DataFrame(rows)

    def run(self, name: str = "out") -> tuple[pd.DataFrame, dict[str, Any]]:
        for split, ids in self.names.items():
            write_embeddings(self.folder / f"{split}.h5", Embeddings(ids, self.values[split]))
        table, summary = self.folder / f"{name}.parquet", self.folder / f"{name}.json"
        evaluate_downstream(
            self.folder / "train.h5",
            self.folder / "val.h5",
            self.labels,
            SETTINGS,
            0,
            table,
            summary,
        )
        return pd.read_parquet(table), json.loads(summary.read_text())


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_predictions_and_summary_agree(case: Case) -> None:
    table, summary = case.run()
    assert list(table.columns) == ["id", "label", "knn", "linear"]
    assert table["id"].tolist() == case.names["val"]
    for metric, entry in (("knn", summary["knn"]["20"]), ("linear", summary["linear"])):
        correct = table[metric] == table["label"]
        assert entry["accuracy"] == pytest.approx(correct.mean())
        assert entry["correct"] == correct.sum()
        assert entry["macro_accuracy"] == pytest.approx(
            correct.groupby(table["label"]).mean().mean()
        )
        assert entry["accuracy"] > 0.7
    assert sorted(summary["knn"], key=int) == ["10", "20", "100", "200"]
    assert summary["linear"]["converged"]
    assert summary["chance"] in table["label"].value_counts(normalize=True).to_list()


def test_same_bytes_again(case: Case) -> None:
    case.run("a")
    case.run("b")
    for suffix in ("parquet", "json"):
        assert (case.folder / f"a.{suffix}").read_bytes() == (
            case.folder / f"b.{suffix}"
        ).read_bytes()


def test_more_neighbours_than_images_are_capped_and_noted(case: Case) -> None:
    _, summary = case.run()
    assert summary["knn"]["200"]["neighbours"] == 120
    assert "k = 200 is more than the 120 train images: all of them vote" in summary["notes"]


def test_a_class_that_train_lacks_is_counted(case: Case) -> None:
    case.labels.loc[case.labels["id"].isin(["v000", "v001"]), "label"] = 9
    table, summary = case.run()
    assert summary["val"]["of_unseen_classes"] == 2
    assert any("2 validation images" in note for note in summary["notes"])
    assert (table.loc[table["label"] == "9", ["knn", "linear"]] != "9").all(axis=None)


def test_images_without_a_label_are_left_out_and_counted(case: Case) -> None:
    case.labels = case.labels[case.labels["id"] != "t005"].astype({"label": object})
    case.labels.loc[case.labels["id"] == "v007", "label"] = None
    table, summary = case.run()
    assert summary["unlabelled"] == {"train": 1, "val": 1}
    assert summary["train"]["images"] == 119
    assert "v007" not in set(table["id"])


def test_one_class_is_refused(case: Case) -> None:
    case.labels["label"] = 1
    with pytest.raises(InputError, match="all 120 labelled train images are of class '1'"):
        case.run()


def test_no_labels_are_refused(case: Case) -> None:
    case.labels = case.labels[case.labels["id"].str.startswith("t")]
    with pytest.raises(InputError, match="none of the validation split's 45 images has a label"):
        case.run()


def test_dimensions_that_differ_are_refused(case: Case) -> None:
    case.values["val"] = case.values["val"][:, :4]
    with pytest.raises(InputError, match="6 dimensions, validation embeddings 4"):
        case.run()
