"""Adaption D of a frozen system, and pictures drawn anew: all else is measured as ever."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from planned_jobs import planned
from safetensors.torch import save_file

import small_archive
from anonbench.anonymization.export import check_request
from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.errors import InputError
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.core.vocabulary import Adaption, Model, Variant
from anonbench.datasets.image_sets.shards import ImageSet

pytestmark = pytest.mark.workflow
MASK = Variant("mask", 100)
ARGUMENTS = ("--workflow-profile", "none", "--cores", "2")
OTHERS: dict[str, dict[str, Any]] = {
    "onnx": {"file": "model.onnx"},
    "function": {"function": "examples:encode"},
    "command": {"command": "embed {images} {vectors}"},
    "vectors": {"path": "vectors/{variant}.h5"},
}


def distilled(**system: Any) -> dict[str, Any]:
    """Return the smallest archive, searched by a system with D and a map."""
    config = small_archive.config()
    archive = config["datasets"]["archive"]
    del archive["recipe"], config["recipes"]
    archive |= {"system": "ours", "adaptions": ["mapped", "D"]}
    attacks = {"attackers": [], "attacks": ["linkage"], "probes": 8, "gallery": 16}
    config |= {"systems": {"ours": {"kind": "timm"} | system}, "low_rank": {"epochs": 1}}
    return config | {"privacy": attacks}


@pytest.mark.parametrize("kind", OTHERS)
def test_a_system_without_weights_is_refused(kind: str) -> None:
    config = distilled()
    config["systems"]["ours"] = {"kind": kind, **OTHERS[kind]}
    with pytest.raises(InputError, match=rf"archive\.adaptions: D .*kind: {kind}.*`mapped`") as no:
        load(config)
    assert len(str(no.value).splitlines()) <= 2  # after the title of all errors
    config["datasets"]["archive"]["adaptions"] = ["mapped"]
    assert load(config)


def test_updates_upon_updates_are_refused() -> None:
    with pytest.raises(InputError, match=r"leave out D, or systems\.ours\.adapter"):
        load(distilled(adapter="adapter_model.safetensors"))


def test_nothing_counts_as_a_training() -> None:
    experiment = Experiment(load(distilled()))
    assert experiment.trainings("archive") == []
    assert experiment.distilled("archive") == [MASK]
    assert Model(Adaption.D, MASK) in experiment.own_vectors("archive")
    assert experiment.batch("archive") == 16


@pytest.mark.slow
@pytest.mark.skipif(find_spec("peft") is None, reason="adaption D needs peft")
def test_from_images_to_the_policy(tmp_path: Path, output_of: Any) -> None:
    install_torchvision_ops()
    from timm import create_model

    small_archive.draw(tmp_path, images=40)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = create_model("test_vit", num_classes=0)
    save_file(dict(network.state_dict()), tmp_path / "weights.safetensors")
    config = distilled(name="test_vit", weights="weights.safetensors", device="cpu")
    targets = ("archive_policy", "table_retrieval_archive_100", "archive_models")
    output_of(tmp_path, config, "--quiet", "rules", "progress", *ARGUMENTS, *targets)
    results = tmp_path / "results" / "archive"
    scores = pd.read_csv(results / "scores.csv")
    assert set(scores["adaption"]) == {"unadapted", "mapped", "D", "pixels"}
    attacked = pd.read_csv(results / "privacy" / "attacks.csv")
    rates = pd.read_csv(results / "privacy" / "reidentification.csv")
    policy = pd.read_csv(results / "policy.csv")
    for table in (attacked, policy):
        assert {"mask", "mapped_mask", "D_mask"} <= set(table["method"])
    # the network that has learned from such images attacks, too
    assert "parrot" in set(rates.loc[rates["rate"].notna(), "attacker"])
    folder = results / "adapters" / "seed0" / "mask-100"
    assert list(pd.read_csv(folder / "log.csv")["step"]) == [1]
    # other settings of updates: the system embeds nothing again
    again = planned(
        output_of(tmp_path, config | {"low_rank": {"rank": 2}}, *ARGUMENTS, "-n", *targets)
    )
    embedding = "embed_archive_D_mask_100_seed0"
    assert {"distill_system", embedding, "reidentify", "attack"} <= set(again)
    assert not {"embed_archive", "anonymize", "detect"} & set(again)


DRAWN = Variant("redrawn_mask", 100)
NEW = {"train_redrawer", "redraw"}
ATTACKS = {"attackers": ["supervised"], "attacks": ["barcodes", "linkage"], "restored_from": 0}
ATTACKS |= {"probes": 8, "gallery": 8}


def config(*redrawn: str) -> dict[str, Any]:
    whole = small_archive.config() | {"privacy": ATTACKS, "redrawing": {"steps": 3}}
    whole["datasets"]["archive"] |= {"redrawn": list(redrawn)}
    return whole


def test_it_is_not_exported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audit can prove what a network drew"):
        check_request(load(config("mask")), "archive", [DRAWN], tmp_path / "new", None)


@pytest.mark.slow
def test_an_archive_is_drawn_anew(tmp_path: Path, output_of: Any) -> None:
    small_archive.draw(tmp_path)
    arguments = ("--workflow-profile", "none", "--quiet", "rules", "progress", "--cores", "2")
    targets = ("table_retrieval_archive_100", "archive_images", "archive_privacy")
    output_of(tmp_path, config("mask"), *arguments, *targets)
    results = tmp_path / "results" / "archive"
    scores = pd.read_csv(results / "scores.csv")
    models = scores[scores["method"] == DRAWN.method]["adaption"]
    assert set(models) == {"unadapted", "pixels", "untrained"}
    for name in ("reidentification", "attacks"):
        assert DRAWN.method in set(pd.read_csv(results / "privacy" / f"{name}.csv")["method"])
    text = (tmp_path / "results/tables/retrieval_archive_100.md").read_text(encoding="utf-8")
    assert "Mask, redrawn" in text
    assert set(pd.read_csv(results / "audit.csv")["variant"]) == {"mask-100"}
    log = pd.read_csv(results / "redrawing" / "mask-100" / "log.csv")
    assert list(log["step"]) == [1, 2, 3]
    hidden, drawn = (
        ImageSet.open(sorted((results / "images" / name / "val").glob("*.tar")))
        for name in ("mask-100", str(DRAWN))
    )
    assert hidden.ids == drawn.ids
    assert any((np.atleast_3d(hidden.read(name)) != drawn.read(name)).any() for name in drawn.ids)
    # another network: no other training, and no image is hidden again
    changed = config("mask") | {"redrawing": {"steps": 2}}
    again = planned(output_of(tmp_path, changed, "--workflow-profile", "none", "-n", *targets))
    assert set(again) >= NEW | {"embed_archive_unadapted_seed0", "reidentify", "attack", "scores"}
    made_before = {"detect", "anonymize", "gather_archive", "train_unadapted", "train_adapted"}
    assert not set(again) & (made_before | {"embed_archive_mask_100_seed0"})
