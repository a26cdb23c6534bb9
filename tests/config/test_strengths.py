"""Strengths and redrawn methods: parameters of their own, that concern nobody else."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from anonbench.anonymization.methods.blur import Blur, Sigma
from anonbench.anonymization.methods.pixelate import Blocks, Pixelate
from anonbench.config import Anonymization, load, stage_parameters
from anonbench.config.experiment import Experiment
from anonbench.config.privacy import Policy
from anonbench.core.vocabulary import Split, Variant
from anonbench.workflow.paths import Paths
from anonbench.workflow.rule_parts import Shown
from edited_config import edited

FINE = {"pixelate": {"fine": {"blocks": {"face": 24}}}}
MINE: dict[str, Any] = {
    "layout": "folder",
    "path": "images",
    "detectors": ["mtcnn"],
    "methods": ["pixelate", "pixelate_fine", "blur_light", "mask"],
}
VALUES: dict[str, Any] = {
    "datasets": {"mine": MINE},
    "anonymization": {
        "pixelate": {"blocks": {"mrz": 3}},
        "strengths": FINE | {"blur": {"light": {"sigma": {"face": 0.04}}}},
    },
}


def anonymization(**values: Any) -> Anonymization:
    return Anonymization.model_validate(values)


def test_a_strength_has_its_methods_parameters_but_for_its_own() -> None:
    config = load(VALUES).anonymization
    assert config.method("blur_light") == Blur(sigma=Sigma(face=0.04))
    assert config.steps("pixelate_fine", "face") == [
        ("pixelate_fine", Pixelate(blocks=Blocks(face=24, mrz=3)))
    ]
    assert "pixelate_coarse" not in config.names and "given_deface" not in config.names
    with pytest.raises(KeyError):
        config.method("pixelate_coarse")
    fine = Pixelate(blocks=Blocks(face=24))  # objects are as good as plain data
    assert anonymization(strengths={"pixelate": {"fine": fine}}).method("pixelate_fine") == fine


@given(st.integers(1, 99), st.integers(1, 99), st.integers(2, 9), st.none() | st.integers(2, 9))
def test_what_is_not_overridden_is_the_methods(face: int, text: int, least: int, own: Any) -> None:
    strength: dict[str, Any] = {"blocks": {"face": face}}
    if own is not None:
        strength["blocks"]["mrz"] = own
    section = {"blocks": {"text": text, "mrz": least}}
    found = anonymization(pixelate=section, strengths={"pixelate": {"x": strength}})
    expected = Pixelate(blocks=Blocks(face=face, text=text, mrz=own or least))
    assert found.method("pixelate_x") == expected
    again = Anonymization.model_validate(found.model_dump(mode="json"))
    assert again == found


def test_name_that_is_or_reads_as_another_methods_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from anonbench.config import anonymization as strengths

    other = {"pixelate_fine": "pixelate_fine", "pixelate_dim_light": "pixelate_dim"}
    monkeypatch.setattr(strengths, "base_of", lambda name: other.get(name, "pixelate"))
    with pytest.raises(ValueError, match=r"pixelate\.fine: pixelate_fine is a method"):
        anonymization(strengths=FINE)
    with pytest.raises(ValueError, match="pixelate_dim_light reads as a strength of pixelate_dim"):
        anonymization(strengths={"pixelate": {"dim_light": {}}})


def test_layers_are_made_of_strengths() -> None:
    made = {"layers": {"methods": ["pixelate_fine", "blur"]}}
    found = anonymization(strengths=FINE, **made)
    assert found.applied("layers") == ["layers", "pixelate_fine", "blur"]
    strong = FINE | {"by_entity": {"faces": {"face": "pixelate_fine", "text": "mask"}}}
    found = anonymization(strengths=strong)
    assert found.applied("by_entity_faces") == ["by_entity_faces", "pixelate_fine", "mask"]


def slices(values: dict[str, Any]) -> dict[str, Any]:
    config = load(values)
    variants = Experiment(config).variants("mine")
    return {str(v): stage_parameters.hiding(config.anonymization, str(v.method)) for v in variants}


@pytest.mark.parametrize(
    ("path", "value", "concerned"),
    [
        ("anonymization.strengths.pixelate.fine.blocks.face", 20, {"pixelate_fine-100"}),
        ("anonymization.strengths.pixelate.coarse", {"blocks": {"face": 4}}, set()),
        ("anonymization.pixelate.blocks.mrz", 4, {"pixelate-100", "pixelate_fine-100"}),
        ("anonymization.pixelate.blocks.face", 9, {"pixelate-100"}),  # overridden in `fine`
        ("datasets.mine.methods", [*MINE["methods"], "blur"], set()),
    ],
)
def test_edit_concerns_variants_that_have_it(path: str, value: Any, concerned: set[str]) -> None:
    before, after = slices(VALUES), slices(edited(VALUES, path, value))
    assert {name for name in before if before[name] != after[name]} == concerned


def test_a_job_has_its_own_strength_and_a_policy_bounds_it() -> None:
    config = load(VALUES)
    given = stage_parameters.hiding(config.anonymization, "pixelate_fine")["settings"]
    assert set(given) == {"format", "margin", "shape", "coding_blocks", "strengths"}
    assert list(given["strengths"]) == ["pixelate"]
    again = Anonymization.model_validate(given)
    assert again.method("pixelate_fine") == config.anonymization.method("pixelate_fine")
    given = stage_parameters.policy(load(VALUES), "mine")
    assert given["methods"]["pixelate_fine"]["blocks"]["face"] == 24
    assert given["applied"]["pixelate_fine"] == ["pixelate_fine"]
    assert Policy(methods=("mask", "pixelate_fine")).methods[1] == "pixelate_fine"
    with pytest.raises(ValidationError, match="no method is called so"):
        Policy(methods=("twirl",))


def test_the_example_has_the_demos_portraits(root: Path) -> None:
    """One folder: other images in it would be refused."""
    ours, demo = (
        yaml.safe_load((root / name).read_text(encoding="utf-8"))["datasets"]["portraits"]
        for name in ("config/sweep.yaml", "config.yaml")
    )
    assert [ours[name] == demo[name] for name in ("layout", "path", "demo")] == [True] * 3


DRAWN = Variant("redrawn_mask", 100)


def config(**changes: Any) -> dict[str, Any]:
    archive = MINE | {"methods": ["blur", "mask"], "degrees": [50, 100], "redrawn": ["mask"]}
    return {"datasets": {"archive": archive | changes}, "training_seeds": [3, 4]}


def test_a_redrawn_variant_adapts_no_model_and_is_judged_by_its_own() -> None:
    experiment = Experiment(load(config()))
    plain = Experiment(load(config(redrawn=[])))
    assert experiment.variants("archive") == [*plain.variants("archive"), DRAWN]
    assert experiment.models("archive") == plain.models("archive")
    assert experiment.trainings("archive") == plain.trainings("archive")
    assert experiment.adapted_model("archive", DRAWN) is None
    strength = {"anonymization": {"strengths": {"blur": {"weak": {}}}}}
    whole = config(methods=["blur_weak"], redrawn=["blur_weak"]) | strength
    assert Experiment(load(whole)).variants("archive")[-1] == Variant("redrawn_blur_weak", 100)
    # Another seed's model is another model
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


def test_fakes_are_those_of_the_method_on_top() -> None:
    hiding = {
        "by_entity": {"face": "mask", "text": "replace"},
        "layers": {"methods": ["replace", "mask"]},
    }
    mine = MINE | {"methods": ["by_entity", "layers", "mask"]}
    config = load({"datasets": {"mine": mine}, "anonymization": hiding})
    fakes = stage_parameters.policy(config, "mine")["fakes"]
    assert fakes == {"by_entity": ["text"], "layers": [], "mask": []}
