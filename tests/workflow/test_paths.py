"""Paths of the results, as rules and targets name them."""

from __future__ import annotations

from typing import Any

import pytest

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Model, Split
from anonbench.workflow.paths import Paths, digests


def paths(annotated: dict[str, Any] | None = None, **changes: Any) -> Paths:
    """Return paths of one data set of 40 train and 20 validation images, ten a shard."""
    data = {"layout": "folder", "path": "x", "detectors": ["zxing"], "shard_size": 10}
    data |= {"methods": ["blur", "mask"], "degrees": [50, 100], "adaptions": ["A"]}
    config = {"results": "out", "control_seeds": [7]} | changes
    config["datasets"] = {"mine": data | changes.get("data", {})}
    config.pop("data", None)
    counts = {"mine": {Split.TRAIN: 40, Split.VAL: 20}}
    return Paths(Experiment(load(config)), counts, {"mine": annotated or {}})


def test_a_shards_digest_stands_for_its_index() -> None:
    shard = ["a/mask-50/0.tar", "a/mask-50/0.parquet"]
    assert digests(shard) == ["a/mask-50/0.tar.digest"]
    assert digests([*shard, "boxes.parquet"])[1:] == ["boxes.parquet.digest"]


def test_an_adapted_model_embeds_original_queries_too() -> None:
    jobs = paths().embedding_jobs("mine")
    learned = ["blur-50", "mask-50", "blur-100", "mask-100"]
    assert sorted(jobs) == sorted([("unadapted", 0), ("unadapted", 7), *((v, 0) for v in learned)])
    of_one = {name.removeprefix("A_mask_50_"): each for name, each in jobs["mask-50", 0].items()}
    assert list(of_one) == ["mask_50_train", "mask_50_val", "original_val"]
    weights, images = [paths().backbone("mine", "A-mask-50", 0)], paths().images
    inputs, output = of_one["original_val"]
    assert inputs == weights + images("mine", "original", "val")
    assert output == paths().embedding("mine", "A-mask-50", 0, "original")
    assert of_one["mask_50_train"].inputs == weights + images("mine", "mask-50", "train")
    assert not any("original_val" in name and "mask" in name for name in jobs["unadapted", 0])


def test_attention_has_a_file_for_each_model_that_is_drawn() -> None:
    assert paths().attended("mine", "npz") == [
        "out/mine/attention/unadapted.npz",
        "out/mine/attention/A-blur-100.npz",
    ]


def test_shards_cover_all_images_of_a_split() -> None:
    assert [paths().shards("mine", split) for split in ("train", "val")] == [[0, 1, 2, 3], [0, 1]]
    assert paths().detected("mine", "boxes") == [
        *(f"out/mine/detect/train/{shard}.boxes.parquet" for shard in range(4)),
        *(f"out/mine/detect/val/{shard}.boxes.parquet" for shard in range(2)),
    ]
    assert paths().detected("mine", "images", ["val"])[0] == "out/mine/detect/val/0.images.parquet"


def test_originals_are_indexes() -> None:
    files = paths().images("mine", "original", "val")
    assert files == [f"out/mine/images/original/val/{shard}.parquet" for shard in (0, 1)]
    assert len(paths().images("mine", "mask-50", "train")) == 8


def test_every_anonymized_shard_is_audited() -> None:
    files = paths().audited_files("mine", "audit.json")
    assert len(files) == len(set(files)) == 4 * (4 + 2)
    assert "out/mine/images/blur-50/train/2.audit.json" in files
    assert ("train", "blur-50", 4) in paths().audited_sets("mine")


def test_images_may_need_outcomes_of_detection_to_be_shown() -> None:
    assert len(paths().shown_outcomes("mine")) == 2
    assert paths(presentation={"show_originals": True}).shown_outcomes("mine") == []


def test_annotations_are_those_that_the_config_names() -> None:
    some = paths({"boxes": ["b.csv"]})
    assert some.annotations("mine", "boxes", "corrections") == [
        "out/mine/annotations/boxes.parquet"
    ]
    assert paths().measured() == []
    assert paths(data={"truth": "t.csv"}).measured() == ["mine"]


def test_a_name_may_be_a_wildcard() -> None:
    pattern = paths().embedding("{dataset}", "{model}", "{seed}", "{variant}", "train")
    assert pattern == "out/{dataset}/embeddings/{model}/seed{seed}/{variant}/train.h5"
    assert paths().backbone("{dataset}", "{model}", "{seed}").endswith("backbone.safetensors")


def test_scenarios_are_scored_by_their_own_and_by_original_embeddings() -> None:
    own = paths().embeddings("mine")
    queries = paths().embeddings("mine", variant="original")
    # two unadapted models and two baselines on five variants, and a model for each of four variants
    assert len(own) == len(queries) == 24
    assert paths().reference_embedding("mine") == queries[0]
    assert "out/mine/embeddings/A-mask-100/seed0/mask-100/val.h5" in own
    assert "out/mine/embeddings/A-mask-100/seed0/original/val.h5" in queries
    assert "out/mine/embeddings/pixels/seed0/mask-100/val.h5" in own
    assert "out/mine/embeddings/untrained/seed0/original/val.h5" in queries
    assert len(set(paths().scenario_names("mine"))) == 24


def test_a_second_reference_has_a_table_of_scores() -> None:
    two = paths(training_seeds=[0, 1])
    assert two.experiment.second_references("mine") == (1, 7)
    control = two.reference_embedding("mine", 7)
    assert control == "out/mine/embeddings/unadapted/seed7/original/val.h5"
    pattern = two.reference_embedding("{dataset}", "{seed}")
    assert pattern == "out/{dataset}/embeddings/unadapted/seed{seed}/original/val.h5"
    # two unadapted models on five variants, and two models for each of four variants
    scores = [run.path for run in two.experiment.trained_scenarios("mine")]
    assert len(scores) == 2 * 5 + 2 * 4 and not any("seed7" in name for name in scores)
    assert set(scores) < set(two.scenario_names("mine"))
    assert paths(control_seeds=[]).experiment.second_references("mine") == ()


def test_accuracies_need_labels() -> None:
    assert paths().scenario_files("mine", "downstream", "json") == []
    labelled = paths(data={"label": "class"})
    assert len(labelled.scenario_files("mine", "downstream", "json")) == 24


def test_an_attacker_knows_the_unadapted_model_and_each_adapted_one() -> None:
    assert paths().attacked("mine")[0] == ("blur-50", "A-blur-50")
    models = [path.split("/")[3] for path in paths().attacking_backbones("mine")]
    assert models == ["unadapted", "A-blur-50", "A-mask-50", "A-blur-100", "A-mask-100"]
    assert len(paths().attacked_images("mine")) == 2 + 4 * 2 * 2
    assert paths(data={"adaptions": []}).attacked("mine")[0] == ("blur-50", None)


def test_without_attacks_and_queries_there_are_no_files_of_them() -> None:
    without = paths(privacy={"enabled": False}, presentation={"explorer_queries": 0})
    optional = ("rates", "attacks", "explorer")
    assert without.reported(*optional) == []
    assert not {*paths().reported(*optional)} & {*without.reported()}
    assert without.stage_targets("mine")["privacy"] == []
    assert not any("reidentification" in target for target in without.page_targets())
    assert paths().reported("explorer") == ["out/mine/explorer.json"]
    assert {*paths().reported(*optional)} < {*paths().reported()}


def test_pages_have_a_target_by_file_name_and_by_the_papers_number() -> None:
    targets = paths(data={"paper_role": "celeba"}).page_targets()
    assert targets["table_retrieval_mine_100"] == targets["table_V"]
    assert targets["table_V"][2] == "out/tables/retrieval_mine_100.tex"
    assert len(targets["table_I"]) == 6
    assert targets["table_II"][0] == "out/tables/scenarios_mine.csv"
    assert "table_III" not in targets


def test_each_stage_has_a_target() -> None:
    stages = paths().stage_targets("mine")
    assert len(stages["images"]) == (4 + 2) + 4 * 2 * (4 + 2) + 1
    assert len(stages["models"]) == len(paths().experiment.trainings("mine")) + 1
    assert stages["tables"] == paths().tables("mine")


@pytest.mark.slow
def test_correlations_are_of_labelled_data() -> None:
    assert not any("correlation" in file for file in paths().reported())
    labelled = paths(data={"label": "class"})
    found = [file for file in labelled.reported() if "correlation" in file]
    assert found == [f"out/mine/correlation/{n}.csv" for n in (50, 100)]


def test_mapped_vectors_stand_beside_those_of_the_adaptions() -> None:
    mapped = paths(data={"adaptions": ["A", "mapped"]})
    experiment = mapped.experiment
    variants = ["blur-50", "mask-50", "blur-100", "mask-100"]
    assert list(mapped.maps("mine")) == [(variant, 0) for variant in variants]
    assert "mapped-blur-50/seed0/blur-50" in mapped.scenario_names("mine")
    # nothing is trained for them, attends, or learns as an attacker
    assert experiment.trainings("mine") == paths().experiment.trainings("mine")
    assert mapped.attacked("mine") == paths().attacked("mine")
    assert mapped.embedding("mine", "mapped-blur-50", 0, "original") == mapped.embedding(
        "mine", "unadapted", 0, "original"
    )
    vectors = mapped.published_vectors("mine")
    assert vectors[5] == "out/mine/embeddings/mapped-blur-50/seed0/blur-50/val.h5"
    assert len(vectors) == 1 + 4 + 4


def test_a_distilled_model_is_searched_by_the_unadapted_ones_originals() -> None:
    distilled = paths(data={"adaptions": ["A", "D"]})
    experiment = distilled.experiment
    assert "D-blur-50/seed0/blur-50" in distilled.scenario_names("mine")
    assert distilled.embedding("mine", "D-blur-50", 0, "original") == distilled.embedding(
        "mine", "unadapted", 0, "original"
    )
    trained = set(experiment.trainings("mine"))
    assert trained - set(paths().experiment.trainings("mine")) == {
        (Model.parse(f"D-{variant}"), 0)
        for variant in ("blur-50", "mask-50", "blur-100", "mask-100")
    }
    assert experiment.ranking_trainings("mine") == paths().experiment.trainings("mine")
    assert ("blur-50", "D-blur-50") in distilled.attacked("mine")
    vectors = distilled.published_vectors("mine")
    assert vectors[5] == "out/mine/embeddings/D-blur-50/seed0/blur-50/val.h5"
    assert len(vectors) == 1 + 4 + 4
    # those of train images too, which the model has seen, whatever the attacks
    linkage = paths(data={"adaptions": ["A", "D"]}, privacy={"attacks": ["linkage"]})
    taught = linkage.taught_vectors("mine")
    assert taught[5] == "out/mine/embeddings/D-blur-50/seed0/blur-50/train.h5"
    names = list(map(str, experiment.own_vectors("mine")))
    assert names == ["D-blur-50", "D-mask-50", "D-blur-100", "D-mask-100"]


def test_a_system_embeds_train_images_where_a_map_learns_from_them() -> None:
    systems = {"ours": {"kind": "timm"}}
    alone = paths(systems=systems, data={"system": "ours", "adaptions": []})
    mapped = paths(systems=systems, data={"system": "ours", "adaptions": ["mapped"]})
    assert alone.anonymized_splits("mine") == ("val",)
    assert mapped.anonymized_splits("mine") == ("train", "val")
    with pytest.raises(InputError, match=r"only `mapped` and D are possible"):
        paths(systems=systems, data={"system": "ours", "adaptions": ["A"]})
