"""Methods that stand for others, shapes and keys: what a job depends on, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anonbench.config import Anonymization, Config, load, stage_parameters


def config(methods: list[str], **anonymization: Any) -> Config:
    data = {"layout": "folder", "path": "images", "detectors": ["zxing"], "methods": methods}
    return load({"datasets": {"mine": data}, "anonymization": anonymization})


def settings(name: str, **anonymization: Any) -> dict[str, Any]:
    found = stage_parameters.hiding(config([name], **anonymization), name)
    return dict(found["settings"])


def test_a_job_depends_on_the_methods_that_its_own_stands_for() -> None:
    assert set(settings("mask")) == {"format", "margin", "coding_blocks", "mask"}
    combined = {"layers": {"methods": ["blur", "mask"]}, "by_entity": {"face": "layers"}}
    assert set(settings("layers", **combined)) == {
        "format", "margin", "coding_blocks", "layers", "blur", "mask",
    }  # fmt: skip
    assert set(settings("by_entity", **combined)) == {
        "format", "margin", "coding_blocks", "by_entity", "layers", "blur", "mask",
    }  # fmt: skip


def test_a_shape_counts_where_it_is_not_the_usual_one() -> None:
    assert settings("mask", shape={"face": "box"}) == settings("mask")
    assert settings("mask", shape={"face": "ellipse"})["shape"]["face"] == "ellipse"


def test_a_job_depends_on_the_content_of_its_key(tmp_path: Path) -> None:
    key = tmp_path / "my.key"

    def found() -> Any:
        asked = config(["noise"], noise={"key_file": str(key)})
        return stage_parameters.hiding(asked, "noise")["files"]

    seen = [found()]
    for content in (b"a" * 32, b"b" * 32):
        key.write_bytes(content)
        seen.append(found())
    assert seen[0] == {str(key): None}
    assert len({str(each) for each in seen}) == 3
    assert not any(text in str(seen) for text in ("aaaa", "bbbb"))


def test_the_usual_settings_are_those_of_before() -> None:
    asked = Anonymization()
    assert asked.mask.colour == (0, 0, 0)
    assert {asked.shape.of(name) for name in ("face", "text", "barcode", "mrz")} == {"box"}
    assert [str(each) for each in config(["mask"]).datasets["mine"].methods] == ["mask"]
    data = {"layout": "folder", "path": "images", "detectors": ["zxing"]}
    usual = load({"datasets": {"mine": data}}).datasets["mine"].methods
    assert [str(each) for each in usual] == ["pixelate", "blur", "mask"]
