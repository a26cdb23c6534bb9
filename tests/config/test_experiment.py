"""What a config unfolds to: models, scenarios, tables, and the parameters of jobs."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from anonbench.config import Config, DataSource, Detection, load, stage_parameters
from anonbench.config.experiment import Experiment
from anonbench.config.outputs import PAPER_TARGETS
from anonbench.core.vocabulary import Adaption, Baseline, Model, Split, Variant
from edited_config import edited


def experiment(path: Path) -> Experiment:
    return Experiment(load(yaml.safe_load(path.read_text(encoding="utf-8"))))


def test_the_demo_has_every_method_and_model_and_their_controls(root: Path) -> None:
    demo = experiment(root / "config.yaml")
    baselines = {Model(baseline) for baseline in Baseline}
    assert len(demo.datasets) == 3 and demo.config.control_seeds
    assert {variant.degree for variant in demo.variants("documents")} == {25, 100}
    for name in demo.datasets:
        trained = set(Adaption) - {Adaption.D}  # a map gives the demo's models more, untrained
        assert {model.adaption for model in demo.models(name)} == trained
        assert len({variant.method for variant in demo.variants(name)}) == 3
        everything = {Variant(), *demo.variants(name)}
        # the retraining control is the unadapted model on every variant
        control = [s for s in demo.scenarios(name) if s.seed in demo.config.control_seeds]
        assert {(each.model, each.variant) for each in control} == {
            (Model(), variant) for variant in everything
        }
        assert len(demo.trainings(name)) == len(demo.trained_models(name)) + 1
        # baselines are scored on every variant and trained never
        assert not baselines & {model for model, _ in demo.trainings(name)}
        assert not baselines & {scenario.model for scenario in demo.trained_scenarios(name)}
        found = [s for s in demo.scenarios(name) if s.model in baselines]
        assert {(each.model, each.variant) for each in found} == {
            (model, variant) for model in baselines for variant in everything
        }
        assert {each.seed for each in found} == {demo.reference_seed}
    counts = {Split.TRAIN: 1300, Split.VAL: 100}
    assert demo.shards("ids", Split.TRAIN, counts) == [0, 1, 2, 3]
    assert demo.shards("ids", Split.VAL, counts) == [0]


def test_second_references_are_the_other_unadapted_models(root: Path) -> None:
    demo = experiment(root / "config.yaml")
    for name in demo.datasets:
        assert demo.second_references(name) == demo.config.control_seeds
    paper = experiment(root / "config/paper.yaml")
    assert {paper.second_references(name) for name in paper.datasets} == {()}
    seeds = {"training_seeds": (3, 4), "control_seeds": (7,)}
    several = Experiment(demo.config.model_copy(update=seeds))
    for name in several.datasets:
        assert (several.reference_seed, several.second_references(name)) == (3, (4, 7))
        trained = several.trained_scenarios(name)
        assert {scenario.seed for scenario in trained} == {3, 4}
        left_out = {(s.model, s.seed) for s in several.scenarios(name) if s not in trained}
        assert left_out == {(Model(), 7), *((Model(baseline), 3) for baseline in Baseline)}


def test_the_papers_experiment_and_its_targets(root: Path) -> None:
    paper = experiment(root / "config/paper.yaml")
    models = {name: len(paper.models(name)) for name in paper.datasets}
    assert models == {"celeba": 10, "rvl_cdip": 37, "dokiq": 10}
    scenarios = {name: len(paper.scenarios(name)) for name in paper.datasets}
    # and the reference on the original images, the ceiling; two baselines on every variant
    few, many = 1 + 12 + 2 * (1 + 3), 1 + 48 + 2 * (1 + 12)
    assert scenarios == {"celeba": few, "rvl_cdip": many, "dokiq": few}
    assert paper.unavailable_targets() == {}
    assert list(paper.paper_targets()) == list(PAPER_TARGETS)
    assert paper.paper_targets()["table_XII"] == "retrieval_rvl_cdip_50"
    assert paper.paper_targets()["figure_9"] == "trend_rvl_cdip_knn"


def test_what_cannot_be_made_says_why_also_without_labels(root: Path) -> None:
    reasons = experiment(root / "config.yaml").unavailable_targets()
    assert reasons["table_XII"] == "needs degree 50, but datasets.documents.degrees has 25, 100"
    tables = {f"table_{n}" for n in ("XII", "XIII", "XIV", "XV")}
    assert set(reasons) == {*tables, "figure_12", "figure_13"}
    own = experiment(root / "config/own_data.yaml").unavailable_targets()
    assert own["table_V"] == "needs a data set with paper_role: celeba, and none is enabled"
    dataset = {"layout": "folder", "path": "x", "detectors": ["mtcnn"], "paper_role": "celeba"}
    unlabelled = Experiment(load({"datasets": {"mine": dataset}}))
    assert {table.kind for table in unlabelled.tables} == {"retrieval", "agreement"}
    kinds = {(figure.kind, figure.metric) for figure in unlabelled.figures}
    assert not kinds & {("correlation", None), ("trend", "knn"), ("trend", "linear")}
    reason = unlabelled.unavailable_targets()["table_VI"]
    assert reason == "needs labels, but datasets.mine.label is not set"


@pytest.mark.parametrize(
    ("kind", "texts"),
    [
        (Variant, ("original", "blur-50", "pixelate-100")),
        (Model, ("unadapted", "pixels", "untrained", "A-blur-50", "C-mask-100")),
    ],
)
def test_words_written_and_read(kind: type[Variant] | type[Model], texts: tuple[str, ...]) -> None:
    for text in texts:
        assert str(kind.parse(text)) == text
    for text in ("", "blur", "blur-x", "twirl-50", "E-blur-50", "A", "pixels-blur-50"):
        with pytest.raises(ValueError, match=r".+"):
            kind.parse(text)


def parameters(config: Config) -> dict[str, Any]:
    name = "documents"
    recipe = config.recipe_of(name)
    return {
        "source": stage_parameters.source(config, name),
        "clusters": stage_parameters.clusters(config, name),
        "detection": stage_parameters.detection(config, name),
        "shape": stage_parameters.hidden_shape(config, name),
        "blur": stage_parameters.hiding(config.anonymization, "blur"),
        "mask": stage_parameters.hiding(config.anonymization, "mask"),
        "recipe": recipe.effective(),
        "untrained": stage_parameters.untrained(config, name),
        "embedding": config.embedding.effective(),
        "retrieval": config.retrieval.effective(),
        "privacy": stage_parameters.privacy(config),
    }


@pytest.mark.parametrize(
    ("path", "value", "concerned"),
    [
        ("retrieval.fraction", 0.1, {"retrieval"}),
        ("retrieval.near_duplicates", [4], set()),
        ("retrieval.queries", 100, {"retrieval"}),
        ("anonymization.blur.sigma.text", 0.7, {"blur"}),
        ("anonymization.mask.colour", [255, 255, 255], {"mask"}),
        ("anonymization.margin", 1.3, {"blur", "mask", "shape"}),
        ("anonymization.format", "jpeg", {"blur", "mask"}),
        ("detection.ppocr.thresh", 0.4, {"detection"}),
        ("detection.mtcnn.min_face_size", 30, set()),
        ("detection.device", "auto", set()),
        ("detection.speed", "quick", {"detection"}),
        ("recipes.documents.optimizer.steps", 7, {"recipe"}),
        ("recipes.documents.backbone.width", 192, {"recipe", "untrained"}),
        ("recipes.documents.crops.normalize", "imagenet", {"recipe", "untrained"}),
        ("datasets.documents.degrees", [25, 50, 100], {"shape"}),
        ("datasets.documents.split", {"validation": 0.5}, {"source"}),
        ("datasets.documents.split", {"by": "class"}, {"source", "clusters"}),
        ("datasets.documents.cluster", "class", {"clusters"}),
        ("datasets.documents.cluster", {"path_part": -1}, {"clusters"}),
        ("privacy.identity", "person", {"privacy", "clusters"}),
        ("privacy.probes", 10, {"privacy"}),
    ],
)
def test_edit_changes_parameters(root: Path, path: str, value: Any, concerned: set[str]) -> None:
    values = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    before, after = parameters(load(values)), parameters(load(edited(values, path, value)))
    assert {stage for stage in before if before[stage] != after[stage]} == concerned


def test_parameters_are_complete_and_sources_again(root: Path) -> None:
    config = load(yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8")))
    for name, dataset in config.datasets.items():
        source = DataSource.model_validate(stage_parameters.source(config, name))
        assert source.model_dump() == dataset.model_dump(include=set(DataSource.model_fields))
    values = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    for path, value in {
        "recipes.documents.workers": 7,
        "recipes.documents.checkpoint_minutes": 7.0,
        "embedding.workers": 3,
        "retrieval.block": 64,
        "retrieval.shards": 3,
        "retrieval.memory_gb": 1.0,
    }.items():
        values = edited(values, path, value)
    config = load(values)
    for settings in (config.recipes["documents"], config.embedding, config.retrieval):
        assert settings.completing(settings.effective()) == settings
    plain = load(yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8")))
    assert parameters(config) == parameters(plain)


def hiding(name: str, **anonymization: Any) -> Any:
    data = {"layout": "folder", "path": "images", "detectors": ["zxing"], "methods": [name]}
    config = load({"datasets": {"mine": data}, "anonymization": anonymization})
    return stage_parameters.hiding(config.anonymization, name)


def test_a_job_depends_on_the_methods_that_its_own_stands_for() -> None:
    own = {"format", "margin", "shape", "coding_blocks"}
    assert set(hiding("mask")["settings"]) == {*own, "mask"}
    combined = {"layers": {"methods": ["blur", "mask"]}, "by_entity": {"face": "layers"}}
    layers = {*own, "layers", "blur", "mask"}
    assert set(hiding("layers", **combined)["settings"]) == layers
    assert set(hiding("by_entity", **combined)["settings"]) == {*layers, "by_entity"}
    assert hiding("mask", shape={"face": "box"}) == hiding("mask")
    assert hiding("mask", shape={"face": "ellipse"})["settings"]["shape"]["face"] == "ellipse"


def test_a_job_depends_on_the_content_of_its_key(tmp_path: Path) -> None:
    key = tmp_path / "my.key"
    seen = [hiding("noise", noise={"key_file": str(key)})["files"]]
    for content in (b"a" * 32, b"b" * 32):
        key.write_bytes(content)
        seen.append(hiding("noise", noise={"key_file": str(key)})["files"])
    assert seen[0] == {str(key): None}
    assert len({str(each) for each in seen}) == 3
    assert not any(text in str(seen) for text in ("aaaa", "bbbb"))


def test_weights_of_detectors_are_files_that_are_there(tmp_path: Path) -> None:
    weights = [tmp_path / "model.onnx", tmp_path / "absent.onnx", tmp_path]
    weights[0].write_bytes(b"onnx")
    found = [Detection(mrz={"weights": each}).files(["mrz"]) for each in weights]
    assert found == [[weights[0]], [], [weights[0]]]
