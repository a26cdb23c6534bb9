"""Paths of the results, as rules and targets name them."""

from collections.abc import Callable
from typing import Any

import pytest

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.vocabulary import Model, Split
from anonbench.workflow.paths import Paths, digests
from anonbench.workflow.rule_parts import Shown

VARIANTS = ["blur-50", "mask-50", "blur-100", "mask-100"]


def paths(annotated: dict[str, Any] | None = None, **changes: Any) -> Paths:
    """Return paths of one data set of 40 train and 20 validation images, ten a shard."""
    data = {"layout": "folder", "path": "x", "detectors": ["zxing"], "shard_size": 10}
    data |= {"methods": ["blur", "mask"], "degrees": [50, 100], "adaptions": ["A"]}
    config = {"results": "out", "control_seeds": [7]} | changes
    config["datasets"] = {"mine": data | changes.get("data", {})}
    config.pop("data", None)
    counts = {"mine": {Split.TRAIN: 40, Split.VAL: 20}}
    return Paths(Experiment(load(config)), counts, {"mine": annotated or {}})


EMBEDDED = "embeddings/A-mask-100/seed0"
LABEL = {"data": {"label": "class"}}
FILES: list[tuple[dict[str, Any], Callable[[Paths], list[str]], int, str]] = [
    ({}, lambda p: p.detected("mine", "boxes"), 4 + 2, "detect/train/3.boxes.parquet"),
    ({}, lambda p: p.detected("mine", "images", ["val"]), 2, "detect/val/1.images.parquet"),
    ({}, lambda p: p.images("mine", "original", "val"), 2, "images/original/val/1.parquet"),
    ({}, lambda p: p.images("mine", "mask-50", "train"), 2 * 4, "images/mask-50/train/3.tar"),
    ({}, lambda p: p.audited_files("mine", "json"), 4 * (4 + 2), "images/blur-50/train/2.json"),
    ({}, lambda p: p.attended("mine", "npz"), 2, "attention/A-blur-100.npz"),
    # two unadapted models and two baselines on five variants, and a model for each of four variants
    ({}, lambda p: p.embeddings("mine"), 24, "embeddings/pixels/seed0/mask-100/val.h5"),
    ({}, lambda p: p.embeddings("mine", variant="original"), 24, f"{EMBEDDED}/original/val.h5"),
    (LABEL, lambda p: p.scenario_files("mine", "downstream", "json"), 24, ""),
    ({}, lambda p: p.scenario_files("mine", "downstream", "json"), 0, ""),
    (LABEL, lambda p: [f for f in p.reported() if "correlation" in f], 2, "correlation/50.csv"),
    ({}, lambda p: [f for f in p.reported() if "correlation" in f], 0, ""),
    ({}, lambda p: p.shown_outcomes("mine"), 2, ""),
    ({"presentation": {"show_originals": True}}, lambda p: p.shown_outcomes("mine"), 0, ""),
    ({}, lambda p: p.attacking_backbones("mine"), 5, "models/A-mask-50/seed0/backbone.safetensors"),
    ({}, lambda p: p.attacked_images("mine"), 2 + 4 * 2 * 2, ""),
    ({}, lambda p: p.reported("explorer"), 1, "explorer.json"),
]


@pytest.mark.parametrize("number", range(len(FILES)))
def test_files_of_a_data_set(number: int) -> None:
    changes, ask, count, one = FILES[number]
    found = ask(paths(**changes))
    assert len(found) == count
    assert not one or f"out/mine/{one}" in found


def test_a_shards_digest_stands_for_its_index() -> None:
    shard = ["a/mask-50/0.tar", "a/mask-50/0.parquet"]
    assert digests(shard) == ["a/mask-50/0.tar.digest"]
    assert digests([*shard, "boxes.parquet"])[1:] == ["boxes.parquet.digest"]


def test_an_adapted_model_embeds_original_queries_too() -> None:
    jobs = paths().embedding_jobs("mine")
    assert sorted(jobs) == sorted([("unadapted", 0), ("unadapted", 7), *((v, 0) for v in VARIANTS)])
    of_one = {name.removeprefix("A_mask_50_"): each for name, each in jobs["mask-50", 0].items()}
    assert list(of_one) == ["mask_50_train", "mask_50_val", "original_val"]
    weights, images = [paths().backbone("mine", "A-mask-50", 0)], paths().images
    inputs, output = of_one["original_val"]
    assert inputs == weights + images("mine", "original", "val")
    assert output == paths().embedding("mine", "A-mask-50", 0, "original")
    assert of_one["mask_50_train"].inputs == weights + images("mine", "mask-50", "train")
    assert not any("original_val" in name and "mask" in name for name in jobs["unadapted", 0])


def test_annotations_are_those_that_the_config_names() -> None:
    some = paths({"boxes": ["b.csv"]})
    made = ["out/mine/annotations/boxes.parquet"]
    assert some.annotations("mine", "boxes", "corrections") == made
    assert paths().measured() == []
    assert paths(data={"truth": "t.csv"}).measured() == ["mine"]


def test_a_second_reference_has_a_table_of_scores() -> None:
    two = paths(training_seeds=[0, 1])
    assert two.experiment.second_references("mine") == (1, 7)
    pattern = two.reference_embedding("{dataset}", "{seed}")
    assert pattern == "out/{dataset}/embeddings/unadapted/seed{seed}/original/val.h5"
    # two unadapted models on five variants, and two models for each of four variants
    scores = [run.path for run in two.experiment.trained_scenarios("mine")]
    assert len(scores) == 2 * 5 + 2 * 4 and not any("seed7" in name for name in scores)
    assert set(scores) < set(two.scenario_names("mine"))


def test_an_attacker_knows_the_adapted_model_where_there_is_one() -> None:
    assert paths().attacked("mine")[0] == ("blur-50", "A-blur-50")
    assert paths(data={"adaptions": []}).attacked("mine")[0] == ("blur-50", None)


def test_pages_and_stages_have_targets() -> None:
    targets = paths(data={"paper_role": "celeba"}).page_targets()
    assert targets["table_retrieval_mine_100"] == targets["table_V"]
    assert targets["table_V"][2] == "out/tables/retrieval_mine_100.tex"
    assert len(targets["table_I"]) == 6
    assert targets["table_II"][0] == "out/tables/scenarios_mine.csv"
    assert "table_III" not in targets
    stages = paths().stage_targets("mine")
    assert len(stages["images"]) == (4 + 2) + 4 * 2 * (4 + 2) + 1
    assert len(stages["models"]) == len(paths().experiment.trainings("mine")) + 1
    assert stages["tables"] == paths().tables("mine")
    without = paths(privacy={"enabled": False}, presentation={"explorer_queries": 0})
    optional = ("rates", "attacks", "explorer")
    assert without.reported(*optional) == []
    assert without.stage_targets("mine")["privacy"] == []
    assert not any("reidentification" in target for target in without.page_targets())
    assert {*paths().reported(*optional)} < {*paths().reported()}


@pytest.mark.parametrize("adaption", ["mapped", "D"])
def test_maps_and_updates_search_the_same_originals(adaption: str) -> None:
    more = paths(data={"adaptions": ["A", adaption]})
    assert f"{adaption}-blur-50/seed0/blur-50" in more.scenario_names("mine")
    models = f"{adaption}-blur-50", "unadapted"
    found, own = (more.embedding("mine", model, 0, "original") for model in models)
    assert found == own
    vectors = more.published_vectors("mine")
    assert vectors[5] == f"out/mine/embeddings/{adaption}-blur-50/seed0/blur-50/val.h5"
    assert len(vectors) == 1 + 4 + 4
    assert more.experiment.ranking_trainings("mine") == paths().experiment.trainings("mine")
    # only D trains a model, which may be attacked
    new = {*more.experiment.trainings("mine")} - {*paths().experiment.trainings("mine")}
    models = {(Model.parse(f"D-{variant}"), 0) for variant in VARIANTS}
    assert new == (models if adaption == "D" else set())
    best = "D" if adaption == "D" else "A"
    assert more.attacked("mine") == [(variant, f"{best}-{variant}") for variant in VARIANTS]
    maps = [] if adaption == "D" else [(variant, 0) for variant in VARIANTS]
    assert list(more.maps("mine")) == maps


def test_vectors_of_train_images_are_attacked_too_where_a_model_has_learned_from_them() -> None:
    linkage = paths(data={"adaptions": ["A", "D"]}, privacy={"attacks": ["linkage"]})
    taught = linkage.taught_vectors("mine")
    assert taught[5] == "out/mine/embeddings/D-blur-50/seed0/blur-50/train.h5"
    own = linkage.experiment.own_vectors("mine")
    assert list(map(str, own)) == [f"D-{variant}" for variant in VARIANTS]


def test_a_system_embeds_train_images_where_a_map_learns_from_them() -> None:
    systems = {"ours": {"kind": "timm"}}
    alone = paths(systems=systems, data={"system": "ours", "adaptions": []})
    mapped = paths(systems=systems, data={"system": "ours", "adaptions": ["mapped"]})
    assert alone.anonymized_splits("mine") == ("val",)
    assert mapped.anonymized_splits("mine") == ("train", "val")


def test_deployments_are_made_of_the_highest_degree_where_they_are_asked_for() -> None:
    off, on = paths(), paths(deployments={"mixed": True})
    assert not any("deployments" in file for file in off.reported())
    assert on.reported("deployments")
    tables = {*on.dataset_tables("mine")} - {*off.dataset_tables("mine")}
    assert tables == {f"out/tables/deployments_mine.{kind}" for kind in ("csv", "md", "tex")}
    folder = "out/mine/embeddings/unadapted"
    found = {method: f"{folder}/seed0/{method}-100/val.h5" for method in ("blur", "mask")}
    assert on.deployed("mine") == found
    assert on.references("mine") == [f"{folder}/seed{seed}/original/val.h5" for seed in (0, 7)]


def shown(originals: bool = False) -> Shown:
    return Shown(paths(control_seeds=[7, 8], presentation={"show_originals": originals}).experiment)


def test_pictures_are_those_that_hide_most_and_the_explorer_has_one_control() -> None:
    assert shown().examples("mine") == ["blur-100", "mask-100"]
    assert shown(True).examples("mine") == ["original", *VARIANTS]
    assert shown().attention("mine") == ["blur-100"]
    assert shown(True).attention("mine") == shown().attended("mine") == ["original", "blur-100"]
    assert "original" not in shown().explored_pictures("mine")
    assert "original" in shown(True).explored_pictures("mine")
    found = shown().explored("mine")
    names = [name for name, _ in shown().explored_names("mine")]
    assert set(names) == {"unadapted", "A", "control", "pixels", "untrained"}
    controls = [s for s, name in zip(found, names, strict=True) if name == "control"]
    assert {scenario.seed for scenario in controls} == {7}
    assert str(controls[0].variant) == "original"
    assert not any(str(s.variant) == "original" for s in found if s.seed == 0)
