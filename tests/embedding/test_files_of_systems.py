"""All files that decide a system's vectors are part of what it is."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from anonbench.anonymization.files.file_job import Job
from anonbench.anonymization.files.run import made_by
from anonbench.config import Anonymization, AnySystem, Detection, load
from anonbench.core.registries.systems import SYSTEMS
from anonbench.core.vocabulary import Variant
from anonbench.datasets.inputs import open_images
from anonbench.detection import cache
from anonbench.embedding.given_systems import embed
from anonbench.embedding.systems.opening import identity_of
from anonbench.evaluation.privacy.kinds import Recognizer
from anonbench.workflow.startup import Startup
from onnx_file import external, model, node


def system(**given: Any) -> Any:
    return TypeAdapter(AnySystem).validate_python(given)


def write_graph(folder: Path, weights: float) -> Path:
    """Write a network whose weights are in a file of its folder: means times weights."""
    folder.mkdir(exist_ok=True)
    np.full((3, 2), weights, "<f4").tofile(folder / "weights.bin")
    nodes = [node("ReduceMean", ["x"], "m", axes=[2, 3]), node("Flatten", ["m"], "f")]
    nodes.append(node("MatMul", ["f", "W"], "y"))
    graph = model(nodes, [external("W", (3, 2), "weights.bin")], {"x": (1, 3, 8, 8)}, {"y": (1, 2)})
    (folder / "net.onnx").write_bytes(graph)
    return folder / "net.onnx"


def test_replaced_files_of_a_model_are_another_system(tmp_path: Path) -> None:
    images = list(np.random.default_rng(0).integers(0, 256, (5, 8, 8, 3), dtype=np.uint8))
    asked = system(kind="onnx", file=write_graph(tmp_path / "m", 1.0))
    first = embed(asked, images, tmp_path / "cache")
    copied = shutil.copytree(tmp_path / "m", tmp_path / "copy") / "net.onnx"
    changes = ("output", "y", False), ("similarity", "inner", True), ("file", copied, True)
    for field, value, same in changes:
        changed = asked.model_copy(update={field: value})
        assert (identity_of(changed) == identity_of(asked)) is same
    write_graph(tmp_path / "m", 2.0)
    second = embed(asked, images, tmp_path / "cache")
    assert first.provenance["system"] != second.provenance["system"]
    assert np.allclose(second.values, 2 * first.values)
    (tmp_path / "config.json").write_text("{}")
    identities = set()
    for content in ("a", "b"):
        (tmp_path / "pytorch_model.bin").write_text(content)
        identities.add(identity_of(system(kind="huggingface", name=str(tmp_path))))
    assert len(identities) == 2
    given = system(kind="vectors", path=tmp_path / "[v1]-{variant}.npy")
    np.save(tmp_path / "[v1]-original.npy", np.eye(2, dtype=np.float32))
    before = identity_of(given)
    identities = set()
    for ids in ("a\nb\n", "b\na\n"):
        (tmp_path / "[v1]-original.ids.txt").write_text(ids)
        identities.add(identity_of(given))
    assert len(identities | {before}) == 3
    assert given.files() == [tmp_path / "[v1]-original.npy", tmp_path / "[v1]-original.ids.txt"]


def test_the_code_of_another_packages_system_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    given = system(kind="function", function="mine:encode")
    monkeypatch.setattr(type(given), "files", lambda _: [])
    identities = set()
    for sources in ("a", "b"):
        monkeypatch.setattr(type(SYSTEMS), "origin", lambda *_, of=sources: {"sources": of})
        identities.add(identity_of(given))
    assert len(identities) == 2


@pytest.mark.parametrize("word", ["models", "--weights=models", "models/net.pt"])
def test_models_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models").mkdir()
    (tmp_path / "work").mkdir()
    given = system(kind="command", command=f"embed {word} work {{images}} {{vectors}}")
    identities = []
    for content in ("a", "b", "b"):
        (tmp_path / "models" / "net.pt").write_text(content)
        (tmp_path / "work" / f"{len(identities)}.txt").touch()
        identities.append(identity_of(given))
    assert identities[0] != identities[1] == identities[2]


def test_results_are_no_part_of_a_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors that a run writes made each next run another system."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.h5").touch()
    given = system(kind="command", command="embed --root=. {images} {vectors}")
    before = identity_of(given)
    (tmp_path / "results.h5").write_text("new")
    assert identity_of(given) == before


def test_imports_of_a_function_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    (tmp_path / "mine_search.py").write_text("import mine_a\nimport numpy\ndef encode(i): ...\n")
    (tmp_path / "mine_a.py").write_text("from mine_b import deep\nimport mine_search\n")
    (tmp_path / "mine_b").mkdir()
    (tmp_path / "mine_b" / "__init__.py").touch()
    (tmp_path / "unused.py").touch()
    given = system(kind="function", function="mine_search:encode")
    assert [str(file.relative_to(tmp_path)) for file in given.files()] == [
        *("mine_search.py", "mine_a.py", "mine_b/__init__.py")
    ]
    before = identity_of(given)
    (tmp_path / "mine_b" / "deep.py").write_text("SIZE = 2\n")
    assert identity_of(given) != before


def test_weights_beside_a_graph_count_and_snakemake_is_told(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").touch()
    onnx = tmp_path / "m" / "net.onnx"
    seen = set()
    for weights in (1.0, 2.0):
        write_graph(onnx.parent, weights)
        detection = Detection.model_validate({"face_onnx": {"weights": onnx}})
        job = Job(tmp_path / "out", ("face_onnx",), Variant("mask", 100), detection,
                  Anonymization(), keep_without_regions=False)  # fmt: skip
        made = made_by(job, images, open_images(images))
        found = cache.made_by("face_onnx", detection)
        seen.add((json.dumps(made, sort_keys=True), json.dumps(found, sort_keys=True)))
    assert len({one for one, _ in seen}) == len({other for _, other in seen}) == 2
    onnx = write_graph(tmp_path / "m", 1.0)
    data = {"layout": "folder", "path": "images", "detectors": ["face_onnx"], "system": "ours"}
    config = load(
        {
            "datasets": {"mine": data},
            "systems": {"ours": {"kind": "onnx", "file": str(onnx)}},
            "detection": {"face_onnx": {"weights": str(onnx)}},
        }
    )
    from anonbench.config.experiment import Experiment

    startup = Startup(config, Experiment(config), {}, user_files={"mine": {}})
    expected = [onnx, onnx.with_name("weights.bin")]
    assert startup.system_files("mine") == expected
    assert startup.detection_files("mine") == expected
    assert Recognizer(weights=onnx).files() == expected
