"""Map of a variant in the workflow, and the command: which images teach, and which judge."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import anonbench
from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Variant
from anonbench.embedding.mapping import Map, Pairs, folds_of
from anonbench.embedding.store import Embeddings, read_embeddings, write_embeddings
from anonbench.evaluation.map_judging import MAPPED, SHIFT, SHUFFLED, gather, labelled, read_maps
from anonbench.evaluation.map_learning import map_variant, read_labels, why_not

WIDTH = 12
FILES = ("original_val", "hidden_val", "original_train", "hidden_train")


def write(folder: Path, train: int, val: int = 100, photos: int = 1) -> dict[str, Path]:
    """Write vectors of both splits, so many of each person; hidden ones are mixed and noisy."""
    draw = np.random.default_rng(0).standard_normal
    mixing = np.eye(WIDTH) + 0.6 * draw((WIDTH, WIDTH))
    files = {}
    for split, count in (("val", val), ("train", train)):
        original = draw((count // photos, WIDTH)).repeat(photos, axis=0)
        if photos > 1:
            original += 0.5 * draw((count, WIDTH))
        hidden = original @ mixing + 0.3 * draw((count, WIDTH))
        ids = [f"{split}{row:04d}" for row in range(count)]
        for kind, values in (("original", original), ("hidden", hidden)):
            path = folder / f"{kind}_{split}.h5"
            write_embeddings(path, Embeddings(ids, values, {"model": "ours"}))
            if count:
                files[f"{kind}_{split}"] = path
    return files


def ids_of(files: dict[str, Path]) -> list[str]:
    return [
        name for kind in FILES[::2] if kind in files for name in read_embeddings(files[kind]).ids
    ]


def made(
    folder: Path,
    files: dict[str, Path],
    clusters: int = 1000,
    labels: int = 0,
    photos: int = 1,
    **more: Any,
) -> dict[str, Path]:
    """Learn and apply a map of images of so many clusters, and labels if any, in turn."""
    ids = ids_of(files)
    persons = np.arange(len(ids)) // photos
    given = [pd.Series(persons % many, ids) for many in (clusters, labels) if many]
    outputs = {split: folder / f"mapped_{split}.h5" for split in ("val", "train")}
    outputs["map"] = folder / "map.safetensors"
    both = (*given, None)[:2]
    map_variant(files, outputs, *both, "mask-100", Retrieval(), 0.95, 0, **more)
    return outputs


def test_train_images_of_other_clusters_teach_the_map(tmp_path: Path) -> None:
    files = write(tmp_path, train=200)
    outputs = made(tmp_path, files)
    learned = Map.load(outputs["map"])
    assert learned.card["pairs"] == learned.card["clusters"] == 200
    assert (learned.card["system"], learned.card["method"]) == ("ours", "mask-100")
    assert learned.card["recommended"]
    hidden, mapped = read_embeddings(files["hidden_val"]), read_embeddings(outputs["val"])
    np.testing.assert_array_equal(mapped.values, learned.apply(hidden.values))
    assert mapped.provenance["mapped"] == "mask-100"
    # those of train images are not mapped by what they taught
    own = learned.apply(read_embeddings(files["hidden_train"]).values)
    assert not np.allclose(read_embeddings(outputs["train"]).values, own, atol=1e-3)


def test_no_image_is_mapped_by_its_own_cluster(tmp_path: Path) -> None:
    """Clusters that both splits have, as of classes: each is left out of what maps it."""
    files = write(tmp_path, train=200)
    ids = ids_of(files)
    outputs = made(tmp_path, files, clusters=10)
    clusters = pd.Series(np.arange(len(ids)) % 10, ids)
    taught = [read_embeddings(files[name]) for name in ("original_train", "hidden_train")]
    folds = folds_of(clusters[taught[0].ids].to_numpy(), 0)
    pairs = Pairs(taught[0].values, taught[1].values, folds)
    fold_of = dict(zip(clusters[taught[0].ids], folds, strict=True))
    hidden, mapped = read_embeddings(files["hidden_val"]), read_embeddings(outputs["val"])
    for row in (0, 1, 57):
        alone = pairs.fit(without=fold_of[clusters[hidden.ids[row]]])
        expected = alone.apply(hidden.values[row : row + 1])[0]
        np.testing.assert_allclose(mapped.values[row], expected, atol=1e-5)


def test_no_train_images_are_cross_fitted_and_too_few_clusters_change_nothing(
    tmp_path: Path,
) -> None:
    files = write(tmp_path, train=0)
    outputs = made(tmp_path, files)
    learned, hidden = Map.load(outputs["map"]), read_embeddings(files["hidden_val"])
    assert learned.card["pairs"] == 100
    mapped = read_embeddings(outputs["val"]).values
    assert not np.allclose(mapped, learned.apply(hidden.values), atol=1e-3)
    assert len(read_embeddings(outputs["train"]).ids) == 0
    files = write(tmp_path, train=200)
    outputs = made(tmp_path, files, clusters=2)
    hidden, mapped = (read_embeddings(path) for path in (files["hidden_val"], outputs["val"]))
    np.testing.assert_array_equal(mapped.values, hidden.values)
    table = gather("mine", {"mask-100": outputs["map"]})
    assert table["why_not"].str.contains("2 clusters").all()


@pytest.mark.parametrize(
    "wrong", [{"confidence": 95}, {"seed": -1}, {"method": 3}, {"retrieval": {"fraction": 0.1}}]
)
def test_arguments_that_no_setting_could_have_are_refused(wrong: dict[str, Any]) -> None:
    (name,) = wrong
    pair = ([str(number) for number in range(60)], np.eye(60))
    with pytest.raises(InputError, match=f"{name}: .*(cannot be used, it should|is no section)"):
        anonbench.fit_map(pair, pair, **wrong)


def test_adaption_d_is_listed_and_decides_nothing(tmp_path: Path) -> None:
    files = write(tmp_path, train=200)
    learned = made(tmp_path, files, labels=7)["map"]
    plain = Map.load(learned)
    table = gather("mine", {str(Variant("mask", 100)): learned})
    table.to_csv(tmp_path / "maps.csv", index=False)
    assert len(read_maps(tmp_path / "maps.csv")) == len(table)
    assert set(table["metric"]) == {"map", "labelled"}
    gains = table[(table["remedy"] == "mapped") & (table["metric"] == "map")].dropna(subset="low")
    assert (gains["low"] > 0).all()
    original = read_embeddings(files["original_val"])
    noise = np.random.default_rng(1).standard_normal(original.values.shape)
    distilled = Embeddings(original.ids, original.values + 0.1 * noise)
    write_embeddings(tmp_path / "distilled.h5", distilled)
    files["distilled_val"] = tmp_path / "distilled.h5"
    both = Map.load(made(tmp_path, files, labels=7)["map"])
    ours = [each for each in both.card["judged"] if each["remedy"] == "D"]
    assert {(each["query"], each["metric"]) for each in ours} == {
        (query, metric) for query in ("original", "anonymized") for metric in ("map", "labelled")
    }
    best = {each["query"]: each for each in ours if each["metric"] == "map"}["original"]
    assert best["low"] > 0.0
    others = [each for each in both.card["judged"] if each["remedy"] != "D"]
    assert best["value"] > max(e["value"] for e in others if e["metric"] == "map")
    assert others == plain.card["judged"]
    assert both.card["why_not"] == plain.card["why_not"]
    write_embeddings(tmp_path / "distilled.h5", Embeddings(original.ids[::-1], original.values))
    with pytest.raises(InputError, match="have other ids"):
        made(tmp_path, files)


def test_labelled_precision_leaves_the_own_image_out() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 1]] + 0.1
    assert labelled(vectors, vectors, np.array([0, 0, 1, 1])).tolist() == [1.0] * 4
    mixed = labelled(vectors, vectors, np.array([0, 1, 0, 1]))
    assert (mixed < 1.0).all()
    assert np.isnan(labelled(vectors, vectors, np.array([0, 1, 2, -1]))).all()
    equal = labelled(np.ones((6, 3)), np.ones((6, 3)), np.array([0, 0, 1, 1, 2, 2]))
    np.testing.assert_allclose(equal, np.mean(1 / np.arange(1, 6)))  # whatever the order of ids


def test_labels_are_those_of_the_first_column_that_tells_images_apart(tmp_path: Path) -> None:
    table = pd.DataFrame({"id": ["a", "b", "c"], "one": "x", "person": ["p", None, "q"]})
    table.to_parquet(tmp_path / "manifest.parquet")
    found = read_labels(tmp_path / "manifest.parquet", [None, "one", "person"])
    assert found is not None
    assert found.to_dict() == {"a": 0, "b": -1, "c": 1}
    assert read_labels(tmp_path / "manifest.parquet", ["one", "none"]) is None


def test_map_command(
    tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    files = write(Path(), train=0)
    original, hidden = (read_embeddings(files[name]) for name in FILES[:2])
    fit = "map fit original_val.h5 {} -o map.safetensors"
    text = cli(fit.format("hidden_val.h5"), "--method mask-100").out
    assert "The map is recommended for original and anonymized queries." in text
    assert "keep it as you keep originals" in text
    assert "100 pairs, which count as independent" in text
    assert "labels" not in text  # none were given
    apply = "map apply map.safetensors {} -o mapped.h5"
    to_hidden = apply.format("hidden_val.h5")
    assert "learned for mask-100" in cli(to_hidden, status=1).err
    cli(to_hidden, "--method blur-100", status=1)
    assert json.loads(cli(to_hidden, "--method mask-100 --json").out)["images"] == 100
    learned, output = Map.load(Path("map.safetensors")), Path("mapped.h5")
    np.testing.assert_array_equal(read_embeddings(output).values, learned.apply(hidden.values))
    searched = "score --reference original_val.h5 --queries original_val.h5 --database {}"
    warned = cli(searched.format(output), "--json")
    assert json.loads(warned.out)
    assert warned.err.splitlines()[-1].startswith("anonbench: mapped.h5: moved by a map;")
    assert "moved by a map" not in cli(searched.format("hidden_val.h5")).err
    cli(apply.format("original_val.h5"), "--queries")
    np.testing.assert_array_equal(read_embeddings(output).values, learned.queries(original.values))
    strangers = [f"x{each}" for each in hidden.ids]
    for name, ids, model in (
        *(("another", hidden.ids, {"model": "another"}), ("untold", hidden.ids, {})),
        ("strangers", strangers, {"model": "ours"}),
    ):
        write_embeddings(Path(f"{name}.h5"), Embeddings(ids, hidden.values, model))
    said = cli(apply.format("untold.h5"), "--queries").err
    assert "not checked: whether these are vectors of the map's system" in said
    said = cli(apply.format("another.h5"), "--method mask-100", status=1).err
    assert "learned for the system 'ours'" in said
    said = cli(fit.format("strangers.h5"), status=1).err
    assert said.count("strangers.h5") == 1, "a file is named once"
    again = cli("map apply map.safetensors mapped.h5 -o twice.h5 --method mask-100", status=1).err
    assert "mapped.h5: moved by a map already" in again
    assert "mapped.h5: moved by a map already" in cli(fit.format("mapped.h5"), status=1).err
    mixed = ["other", *hidden.ids[1:]]
    write_embeddings(Path("mixed.h5"), Embeddings(mixed, hidden.values, {"model": "ours"}))
    assert "left out" not in caplog.text
    cli(fit.format("mixed.h5"))
    assert "left out: 1 of 100 originals, 1 of 100 hidden images" in caplog.text


@pytest.mark.parametrize("similarity", ["cosine", "inner"])
def test_the_mean_shift_that_a_map_does_not_beat_is_a_command_away(
    tmp_path: Path, cli: Any, monkeypatch: pytest.MonkeyPatch, similarity: str
) -> None:
    """Hiding adds one vector to all. By inner product, that changes no ranking of an original."""
    monkeypatch.chdir(tmp_path)
    draw = np.random.default_rng(0).standard_normal
    original = draw((200, WIDTH))
    hidden = original + 2.0 + 0.3 * draw((200, WIDTH))
    ids = [f"{row:04d}" for row in range(200)]
    for name, values in (("original", original), ("hidden", hidden)):
        source = {"system": "ours", "similarity": similarity}
        write_embeddings(Path(f"{name}.h5"), Embeddings(ids, values.astype(np.float32), source))
    fit = "map fit original.h5 hidden.h5 -o map.safetensors"
    kinds = "original and anonymized" if similarity == "cosine" else "anonymized"
    assert "gains no more than a mean shift: `anonbench map fit --shift`" in cli(fit).out
    said = cli(fit, "--shift").out
    assert f"The mean shift is recommended for {kinds} queries" in said
    assert ("Compare shifted vectors by cosine" in said) is (similarity == "cosine")
    assert "shuffled" not in said  # it takes no pairs to learn a difference of means
    card = json.loads(cli(fit, "--shift --json").out, parse_constant=pytest.fail)
    assert card["strength"] is None
    apply = "map apply map.safetensors hidden.h5 -o mapped.h5"
    cli(apply)
    gains = []
    for queries in (["original"] * 2, ["hidden", "mapped"]):
        files = zip(queries, ["hidden", "mapped"], strict=True)
        asked = [tuple(Path(f"{each}.h5") for each in ("original", *pair)) for pair in files]
        values = [anonbench.score(*each).set_index("metric").loc["map", "value"] for each in asked]
        gains.append(values[1] - values[0])
    assert gains[0] > 0.02 if similarity == "cosine" else abs(gains[0]) < 1e-6
    assert gains[1] > 0.05
    refused = cli(apply.replace("hidden", "original"), "--queries", status=1).err
    assert "map the index (`anonbench map apply` without --queries)" in refused


def test_a_shift_by_which_persons_are_found_is_not_recommended() -> None:
    """Hiding adds one vector to all, which drowns the person; its price is that of its own rows."""
    draw = np.random.default_rng(0).standard_normal
    persons = np.arange(200) // 5
    original = draw((40, WIDTH))[persons] + 0.7 * draw((200, WIDTH))
    ids = [f"{row:04d}" for row in range(200)]
    pair = [Embeddings(ids, original + by, {"similarity": "inner"}) for by in (0.0, 2.0)]
    card = anonbench.fit_map(*pair, pd.Series(persons, ids), shift=True).card
    gains = pd.DataFrame(card["judged"]).set_index(["remedy", "query", "metric"])["gain"]
    assert set(gains.index.get_level_values(0)) == {"nothing", SHIFT, "whitening", "expansion"}
    gain = 100 * gains[SHIFT, "anonymized", "labelled"]
    assert gain > 10 and f"{gain:+.1f} points" in card["price"]["anonymized"]
    assert "same person" in card["why_not"]["anonymized"]


def test_a_map_of_few_pairs_is_not_recommended_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No ranking of 60 images can be judged, however much the map gains."""
    files = write(tmp_path, train=0, val=60)
    learned = anonbench.fit_map(files["original_val"], files["hidden_val"])
    assert set(learned.card["why_not"].values()) == {
        "k is 2, and below 5 no ranking can be judged; with retrieval.fraction 0.05 it takes 100 "
        "images"
    }
    hidden = read_embeddings(files["hidden_val"]).values
    for given in (learned, learned, replace(learned)):  # a copy warns again
        given.apply(hidden)
    assert caplog.text.count("this map is not recommended for original queries: k is 2") == 2


@pytest.mark.parametrize("pairs", [5, 20])
def test_the_least_number_of_pairs_is_one(tmp_path: Path, pairs: int) -> None:
    files = write(tmp_path, train=0, val=pairs)
    with pytest.raises(InputError, match=f"^{pairs} pairs; a map needs 21, and a recommendation 1"):
        anonbench.fit_map(files["original_val"], files["hidden_val"])
    given = files["original_val"], files["original_val"], files["hidden_val"]
    with pytest.raises(InputError, match="at least 21 images"):
        anonbench.score(*given)


def test_a_map_of_as_many_pairs_as_folds_is_judged(tmp_path: Path) -> None:
    files = write(tmp_path, train=0, val=5)
    settings = Retrieval(fraction=0.5)
    found = anonbench.fit_map(files["original_val"], files["hidden_val"], retrieval=settings)
    assert found.card["pairs"] == 5 and not found.card["recommended"]


def test_vectors_of_one_dimension_are_mapped() -> None:
    ids, values = [f"{row:02d}" for row in range(60)], np.arange(60.0)[:, None]
    given = [Embeddings(ids, each, {"similarity": "euclidean"}) for each in (values, values + 1)]
    assert anonbench.fit_map(*given).card["pairs"] == 60


@pytest.mark.parametrize(
    ("low", "high", "shuffled", "said"),
    [
        (-0.08, -0.01, -0.3, "it loses quality"),
        (-0.08, 0.01, -0.3, "cannot be told from none"),
        (0.1, 0.2, 0.16, "shuffled pairs gains as much"),
        (0.02, 0.2, 0.12, "shuffled pairs gains as much"),
        (0.1, 0.2, 0.12, "cannot be told from that of shuffled pairs"),
        (0.02, 0.2, 0.01, "cannot be told from that of a mean shift: `anonbench map fit --shift`"),
        (0.02, 0.09, 0.01, "gains no more than a mean shift: `anonbench map fit --shift`"),
        (0.1, 0.2, 0.01, ""),
    ],
)
@pytest.mark.parametrize("is_sure", [True, False])
def test_a_recommended_map_surely_gains_and_more_than_from_shuffled_pairs(
    low: float, high: float, shuffled: float, said: str, is_sure: bool
) -> None:
    row = {"remedy": MAPPED, "query": "original", "metric": "map", "reason": ""}
    others = [row | {"remedy": SHUFFLED, "gain": shuffled}]
    others.append(row | {"remedy": SHIFT, "gain": 0.06, "low": 0.05 if is_sure else -0.05})
    said = said if is_sure else said.partition(":")[0]  # no advice to use what may gain nothing
    mapped = row | {"low": low, "high": high, "gain": (low + high) / 2}
    found = why_not(pd.DataFrame([mapped, *others]))
    assert said in found and bool(found) is bool(said)
    assert is_sure or "--shift" not in found


@pytest.mark.parametrize("persons", [True, False])
def test_price_of_persons(tmp_path: Path, persons: bool, caplog: pytest.LogCaptureFixture) -> None:
    """Vectors hold little but the person, whom hiding mixes: the map undoes this."""
    files = write(tmp_path, train=120, val=120, photos=4)
    outputs = made(tmp_path, files, labels=1000, photos=4, persons=persons)
    card = Map.load(outputs["map"]).card
    assert ("points of mAP" in card["price"]["original"]) is persons
    assert ("same person" in card["why_not"]["original"]) is persons
    assert card["recommended"] is not persons
    assert ("mask-100: the map costs privacy" in caplog.text) is persons
    assert ("do not map a face recognizer" in caplog.text.lower()) is persons
