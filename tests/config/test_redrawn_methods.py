"""Methods whose hidden regions are drawn anew, in the config and the experiment."""

from __future__ import annotations

from typing import Any

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.vocabulary import Split, Variant
from anonbench.workflow.paths import Paths
from anonbench.workflow.paths.targets import Shown

DRAWN = Variant("redrawn_mask", 100)


def config(**changes: Any) -> dict[str, Any]:
    archive = {
        "layout": "folder",
        "path": "images",
        "detectors": ["mtcnn"],
        "methods": ["blur", "mask"],
        "degrees": [50, 100],
        "redrawn": ["mask"],
    }
    return {"datasets": {"archive": archive | changes}, "training_seeds": [3, 4]}


def test_it_is_a_variant_that_no_model_is_adapted_to() -> None:
    experiment = Experiment(load(config()))
    plain = Experiment(load(config(redrawn=[])))
    assert experiment.variants("archive") == [*plain.variants("archive"), DRAWN]
    assert experiment.models("archive") == plain.models("archive")
    assert experiment.trainings("archive") == plain.trainings("archive")
    assert experiment.adapted_model("archive", DRAWN) is None
    strength = {"anonymization": {"strengths": {"blur": {"weak": {}}}}}
    whole = config(methods=["blur_weak"], redrawn=["blur_weak"]) | strength
    assert Experiment(load(whole)).variants("archive")[-1] == Variant("redrawn_blur_weak", 100)


def test_the_model_that_it_is_drawn_for_judges_it() -> None:
    """Another seed's model is another model."""
    scenarios = Experiment(load(config() | {"control_seeds": [5]})).scenarios("archive")
    models = {(str(run.model), run.seed) for run in scenarios if run.variant == DRAWN}
    assert models == {("unadapted", 3), ("pixels", 3), ("untrained", 3)}
    plain = Experiment(load(config(redrawn=[]) | {"control_seeds": [5]})).scenarios("archive")
    assert [run for run in scenarios if run.variant != DRAWN] == plain


def test_every_attack_has_its_pictures_and_learns_from_them() -> None:
    experiment = Experiment(load(config()))
    paths = Paths(experiment, {"archive": {Split.TRAIN: 8, Split.VAL: 8}}, {"archive": {}})
    assert ("redrawn_mask-100", None) in paths.attacked("archive")
    assert any("redrawn_mask-100/val" in path for path in paths.attacked_images("archive"))
    assert any("redrawn_mask-100/train" in path for path in paths.learned_pictures("archive"))
    assert any("/redrawn_mask-100/" in path for path in paths.published_vectors("archive"))
    assert not any("redrawn" in variant for _, variant, _ in paths.audited_sets("archive"))


def test_it_is_shown_where_originals_are() -> None:
    hidden = Shown(Experiment(load(config())))
    assert not any("redrawn" in name for name in hidden.examples("archive"))
    seen = Shown(Experiment(load(config() | {"presentation": {"show_originals": True}})))
    assert "redrawn_mask-100" in seen.examples("archive")
    assert seen.explored_pictures("archive")["redrawn_mask"] == "redrawn_mask-100"
