"""k-NN by its definition, and both classifiers from files to files."""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonbench.config import Downstream
from anonbench.core.errors import InputError
from anonbench.core.numeric.similarity import Similarity, unit_rows
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.downstream.evaluate import TEMPERATURE, evaluate_downstream, knn_predict


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
        self.clusters = pd.Series(np.arange(len(rows)), self.labels["id"].tolist(), name="")

    def run(self, name: str = "out") -> tuple[pd.DataFrame, dict[str, Any]]:
        for split, ids in self.names.items():
            write_embeddings(self.folder / f"{split}.h5", Embeddings(ids, self.values[split]))
        table, summary = self.folder / f"{name}.parquet", self.folder / f"{name}.json"
        paths = [self.folder / f"{split}.h5" for split in self.names]
        given = self.labels, self.clusters, Downstream(), 0
        evaluate_downstream(*paths, *given, table, summary)
        return pd.read_parquet(table), json.loads(summary.read_text())


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_predictions_and_summary_agree(case: Case) -> None:
    table, summary = case.run()
    assert list(table.columns) == ["id", "label", "knn", "linear"]
    assert table["id"].tolist() == case.names["val"]
    for metric, entry in (("knn", summary["knn"]["20"]), ("linear", summary["linear"])):
        right = table[metric] == table["label"]
        of_classes = right.groupby(table["label"]).mean().mean()
        found = [entry[name] for name in ("accuracy", "correct", "macro_accuracy")]
        assert found == pytest.approx([right.mean(), right.sum(), of_classes])
        assert entry["accuracy"] > 0.7
    assert sorted(summary["knn"], key=int) == ["10", "20", "100", "200"]
    assert summary["knn"]["200"]["neighbours"] == 120
    assert "k = 200 is more than the 120 train images: all of them vote" in summary["notes"]
    assert summary["linear"]["converged"]
    tried = set(map(float, summary["linear"]["held_out_accuracy"]))
    assert set(summary["linear"]["stopped"]) <= tried
    assert summary["chance"] == (table["label"] == "0").mean()  # the train split's most frequent


def test_chance_is_the_mean_over_equally_frequent_classes(case: Case) -> None:
    """It does not depend on which of their names sorts first."""
    train = case.labels["id"].str.startswith("t")
    case.labels["label"] = "c"
    case.labels.loc[train, "label"] = ["a", "b"] * 60
    case.labels.loc[case.labels.index[-9:], "label"] = "b"
    assert case.run()[1]["chance"] == pytest.approx(0.5 * 9 / 45)
    case.labels["label"] = case.labels["label"].replace({"b": "B"})  # sorts before a
    assert case.run("renamed")[1]["chance"] == pytest.approx(0.5 * 9 / 45)


def test_validation_labels_change_scores_and_nothing_else(case: Case) -> None:
    table, summary = case.run("a")
    of_val = case.labels["id"].str.startswith("v")
    case.labels.loc[of_val, "label"] = 2 - case.labels.loc[of_val, "label"]
    other, changed = case.run("b")
    assert not table["label"].equals(other["label"])
    assert table[["id", "knn", "linear"]].equals(other[["id", "knn", "linear"]])
    fitted = ("strength", "held_out", "held_out_accuracy", "iterations", "converged")
    assert [changed["linear"][f] for f in fitted] == [summary["linear"][f] for f in fitted]
    assert changed["linear"]["accuracy"] != summary["linear"]["accuracy"]


def test_classes_that_train_lacks_and_images_without_a_label_are_counted(case: Case) -> None:
    case.labels.loc[case.labels["id"].isin(["v000", "v001"]), "label"] = 9
    table, summary = case.run()
    assert summary["val"]["of_unseen_classes"] == 2
    assert any("2 validation images" in note for note in summary["notes"])
    assert (table.loc[table["label"] == "9", ["knn", "linear"]] != "9").all(axis=None)
    case.labels = case.labels[case.labels["id"] != "t005"].astype({"label": object})
    case.labels.loc[case.labels["id"] == "v007", "label"] = None
    table, summary = case.run()
    assert summary["unlabelled"] == {"train": 1, "val": 1}
    assert summary["train"]["images"] == 119
    assert "v007" not in set(table["id"])


def test_what_cannot_be_classified_is_refused(case: Case) -> None:
    values, labels = case.values, case.labels
    wrong: list[tuple[str, Any, str]] = [
        ("values", values | {"train": values["train"] * np.nan}, r"train\.h5.*not finite"),
        ("values", values | {"val": values["val"][:, :4]}, "6 dimensions, validation embeddings 4"),
        ("labels", labels.assign(label=1), "all 120 labelled train images are of class '1'"),
        ("labels", labels[labels["id"].str.startswith("t")], "validation split's 45 images has a"),
        ("clusters", case.clusters.drop("t007"), "1 images"),
    ]
    for name, value, message in wrong:
        given = vars(case).copy()
        setattr(case, name, value)
        with pytest.raises(InputError, match=message):
            case.run()
        vars(case).update(given)


def test_the_summary_tells_what_is_held_out(case: Case) -> None:
    def held_out() -> tuple[int, int, str, str]:
        _, summary = case.run()
        linear, notes = summary["linear"], [n for n in summary["notes"] if "strength was" in n]
        numbers = (linear[f"held_out{name}"] for name in ("", "_clusters", "_by"))
        return (*numbers, " ".join(notes))

    images, clusters, by, note = held_out()
    assert (images == clusters > 15, by, note) == (True, "", "")

    # of a person's three photographs, all are of one class: 40 persons, a fifth of them held out
    people = np.arange(165) // 3
    case.labels["label"] = people % 3
    case.values["train"] = np.eye(6, dtype=np.float32)[people[:120] % 3]
    case.clusters = pd.Series(people, case.clusters.index, name="identity")
    images, clusters, by, note = held_out()
    assert (images, by, note) == (3 * clusters, "identity", "") and 8 <= clusters <= 10

    people = np.arange(165) // 15  # eight of them in the train split
    case.labels["label"] = people % 2
    for groups, name, found, said in (
        (people, "identity", (60, 4, "identity"), "4 held-out clusters"),
        (people % 2, "class", (24, 24, ""), "each class is one cluster"),
    ):
        case.clusters = pd.Series(groups, case.clusters.index, name=name)
        *numbers, note = held_out()
        assert tuple(numbers) == found and said in note


def plain_knn(ids: list[str], labels: np.ndarray, similarities: list[float], k: int) -> str:
    """The definition, read aloud; sums in the order of the neighbours."""
    near = sorted((-s, name, str(c)) for s, name, c in zip(similarities, ids, labels, strict=True))
    last = near[min(k, len(near)) - 1][0]
    open_ = [each for each in near if each[0] == last]
    left = min(k, len(near)) - sum(each[0] < last for each in near)
    votes: dict[str, float] = defaultdict(float)
    for negative, _, label in near:
        if negative <= last:
            share = left / len(open_) if negative == last and left < len(open_) else 1.0
            votes[label] += math.exp((-negative + near[0][0]) / TEMPERATURE) * share
    return max(sorted(votes), key=lambda label: votes[label])


@pytest.mark.slow
@settings(max_examples=40)
@given(st.integers(0, 10_000), st.integers(1, 30))
def test_equals_the_definition(seed: int, k: int) -> None:
    generator = np.random.default_rng(seed)
    ids = [f"{i:02d}" for i in generator.permutation(25)]
    # whole numbers: many equal embeddings
    train = Embeddings(ids, generator.integers(1, 4, (25, 2)).astype(np.float32))
    val = Embeddings(list("abcde"), generator.integers(1, 4, (5, 2)).astype(np.float32))
    labels = generator.choice(["x", "y", "z"], 25)
    similarities = Similarity(unit_rows(train.values), 64)(unit_rows(val.values))
    predicted = knn_predict(train, labels, val, [k])[k]
    for row, label in zip(similarities.tolist(), predicted, strict=True):
        assert label == plain_knn(ids, labels, row, k)


def test_knn_does_not_depend_on_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(3)
    codes = generator.integers(0, 5, 5000)
    centres = generator.standard_normal((5, 16))
    values = (centres[codes] + 2.0 * generator.standard_normal((5000, 16))).astype(np.float32)
    ids, labels = [f"{i:04d}" for i in range(5000)], np.array(list("vwxyz"))[codes]
    train, val = Embeddings(ids[:4000], values[:4000]), Embeddings(ids[4000:], values[4000:])
    found = {}
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("OMP_NUM_THREADS", threads)
        found[threads] = knn_predict(train, labels[:4000], val, [10, 20, 100, 200])
    for k, expected in found["1"].items():
        assert np.array_equal(found["2"][k], expected) and np.array_equal(found["3"][k], expected)
