"""What commands search for: by default all kinds, fewer by `--hide`, or what a config says."""

from __future__ import annotations

import argparse
import inspect
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
import zxingcpp
from PIL import Image, ImageDraw

from anonbench.cli import main
from anonbench.cli.inputs import Requested, add_detectors, settings_of
from anonbench.config import Detection
from anonbench.config.detectors import COVERING, LOOKED_FOR, default_detection
from anonbench.core.errors import InputError
from anonbench_demo import portraits
from anonbench_demo.fonts import Family

ALL = ["centerface", "ppocr", "zxing", "mrz", "ink"]


def asked(file: Path | None = None, **options: Any) -> Requested:
    known = {"detectors": None, "hide": None, "images": "photos", "boxes": None}
    return settings_of(argparse.Namespace(**known | options, configfile=file), LOOKED_FOR)


def config(folder: Path, *detectors: list[str], **more: Any) -> Path:
    file = folder / "config.yaml"
    datasets = {
        f"d{number}": {
            "layout": "folder",
            "path": str(folder / f"d{number}"),
            "split": {"validation": 1.0},
            "detectors": names,
            "system": "small",
        }
        for number, names in enumerate(detectors)
    }
    if "boxes" in detectors[-1]:
        datasets["d0"]["boxes"] = "boxes.csv"
    more = {"systems": {"small": {"kind": "timm"}}} | more
    file.write_text(yaml.safe_dump({"datasets": datasets} | more), encoding="utf-8")
    return file


@pytest.mark.parametrize("default", ["", "mtcnn"])
def test_help_names_each_detector_once(default: str) -> None:
    parser = argparse.ArgumentParser()
    add_detectors(parser, default, sections=("seed",))
    said = " ".join(parser.format_help().split())
    assert [said.count(name) for name in ("centerface", "zxing", "mtcnn", "face_onnx")] == [1] * 4
    assert "sections `detection`, `anonymization` and `seed` are used" in said


def test_speed_replaces_the_config_s(tmp_path: Path) -> None:
    file = config(tmp_path, ["mtcnn"], detection={"speed": "single", "device": "auto"})
    assert asked(file).config.detection.speed == "single"
    found = asked(file, speed="quick").config.detection
    assert found.speed == "quick" and found.device == "auto"
    assert asked(speed="quick").config.detection.centerface.margin == 1.3


def test_by_default_all_kinds_are_searched_to_miss_little() -> None:
    found = asked()
    assert found.detectors == ALL and not found.is_named
    assert found.config.detection == Detection.model_validate(COVERING)
    assert found.line.startswith(
        "searching for face, text, barcode, mrz, ink (by centerface, ppocr"
    )


@pytest.mark.parametrize(
    ("options", "names"),
    [
        ({"hide": ["face"]}, ["centerface"]),
        ({"hide": ["text,face", "mrz"]}, ["centerface", "ppocr", "mrz"]),
        ({"detectors": ["zxing", "mtcnn"]}, ["zxing", "mtcnn"]),
        ({"detectors": ["zxing", "mtcnn"], "hide": ["face"]}, ["mtcnn"]),
    ],
)
def test_fewer_by_options(options: dict[str, Any], names: list[str]) -> None:
    found = asked(**options)
    assert found.detectors == names and "; not for " in found.line
    assert found.config.detection == Detection.model_validate(COVERING)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"hide": ["faces"]}, "there are face, text, barcode, mrz, ink"),
        ({"hide": ["text"], "detectors": ["zxing"]}, "none of zxing finds it"),
    ],
)
def test_kinds_that_are_none(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        asked(**options)


def test_the_detectors_of_a_config_hold(tmp_path: Path) -> None:
    file = config(tmp_path, ["mtcnn", "ppocr"], detection={"ppocr": {"thresh": 0.4}})
    found = asked(file)
    assert found.detectors == ["mtcnn", "ppocr"] and found.is_named
    assert found.config.detection == Detection.model_validate({"ppocr": {"thresh": 0.4}})
    assert found.line.endswith("hold: datasets.d0.detectors, detection; no other setting")
    assert asked(file, hide=["text"]).detectors == ["ppocr"]
    assert asked(file, detectors=["zxing"]).detectors == ["zxing"]


def test_without_data_sets_a_config_stands_above_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "part.yaml"
    file.write_text("detection: {ppocr: {thresh: 0.25}}", encoding="utf-8")
    settings = asked(file).config.detection
    assert (settings.ppocr.thresh, settings.ppocr.box_thresh) == (0.25, 0.4)
    assert settings.centerface.margin == COVERING["centerface"]["margin"]


def test_of_several_data_sets_the_one_of_the_images_counts(tmp_path: Path) -> None:
    file = config(tmp_path, ["mtcnn"], ["ppocr"])
    assert asked(file, images=str(tmp_path / "d1")).detectors == ["ppocr"]
    with pytest.raises(InputError, match="d0, d1 have different detectors; name them by"):
        asked(file)
    assert asked(config(tmp_path, ["ppocr"], ["ppocr"])).detectors == ["ppocr"]


def test_a_data_sets_own_boxes_are_not_left_out_in_silence(tmp_path: Path) -> None:
    file = config(tmp_path, ["boxes", "mtcnn"])
    with pytest.raises(InputError, match=r"datasets\.d0\.detectors: boxes needs files"):
        asked(file)
    assert asked(file, boxes=Path("b.csv")).detectors == ["mtcnn"]


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A card with a portrait, a name and a code, in the folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    page = Image.new("RGB", (800, 500), (235, 238, 242))
    face = Image.fromarray(portraits.draw(0, "person-0", 0).image).resize((267, 327))
    page.paste(face, (30, 60))
    font = Family.SANS.regular(34)
    ImageDraw.Draw(page).text((330, 100), "ERIKA MUSTERFRAU", font=font, fill="black")
    code = zxingcpp.create_barcode("Erika", zxingcpp.BarcodeFormat.QRCode)
    page.paste(
        Image.fromarray(np.asarray(zxingcpp.write_barcode_to_image(code, scale=5))), (500, 250)
    )
    (tmp_path / "cards").mkdir()
    page.save(tmp_path / "cards" / "a.png")
    return tmp_path


def test_a_card_is_hidden_without_any_option(
    card: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["anonymize", "cards", "-o", "out", "--workers", "1"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("searching for face, text, barcode, mrz, ink (by ")
    assert main(["detect", "cards", "--workers", "1", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["regions"].keys() >= {"face", "text", "barcode"} and counts["detectors"] == ALL
    record = json.loads((card / "out.audit.json").read_text(encoding="utf-8"))
    assert record["images"][0]["hidden_pixels"] > 0.1 * 800 * 500
    hidden = np.asarray(Image.open(card / "out" / "a.png"))
    assert not hidden[105:130, 340:600].any() and not hidden[300:320, 530:560].any()


def test_nothing_found_names_detectors_to_add(
    card: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (200, 150), "white").save(card / "cards" / "a.png")
    assert main(["anonymize", "cards", "-o", "out", "--hide", "face", "--workers", "1"]) == 3
    said = capsys.readouterr().out
    assert "detectors that may find more: ppocr (text), zxing (barcode), mrz (mrz)" in said
    assert main(["anonymize", "cards", "-o", "all", "--workers", "1"]) == 3
    said += capsys.readouterr().out
    assert "mtcnn (face)" in said and "keep-without-regions" not in said


class Called(Exception):  # noqa: N818 - no error
    """What a command hands to the library."""


def test_commands_and_functions_have_one_set_of_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import anonbench
    from anonbench.anonymization.files import run as copies
    from anonbench.detection import files
    from anonbench.evaluation.end_to_end import evaluate as end_to_end
    from anonbench.workflow.first_config import document, survey

    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (40, 40)).save(folder / "a.png")

    def called(*given: Any, **named: Any) -> None:
        detectors = named.get("detectors") or given[-1] if named.get("detectors") else given[4]
        raise Called(tuple(detectors), named["detection"])

    found = []
    for name, module, words in (
        ("anonymize_files", copies, ["anonymize", str(folder), "-o", str(tmp_path / "out")]),
        ("evaluate", end_to_end, ["evaluate", str(folder)]),
    ):
        monkeypatch.setattr(module, name, called)
        with pytest.raises(Called) as call:
            main(words)
        found.append(call.value.args)
    monkeypatch.setattr(
        files, "detect", lambda images, names, **more: called(detectors=names, **more)
    )
    with pytest.raises(Called) as call:
        main(["detect", str(folder)])
    found.append(call.value.args)
    assert all(each == (LOOKED_FOR, default_detection()) for each in found)
    monkeypatch.undo()
    for function in (anonbench.anonymize_files, anonbench.detect):
        assert inspect.signature(function).parameters["detectors"].default == LOOKED_FOR
    found_all = {name: survey.Found("face", images=12) for name in LOOKED_FOR}
    choice = document.Choice({}, True, None, False, 10.0, 1, 0, tmp_path, tmp_path / "a.yaml")
    text, _ = document.compose(
        survey.survey(folder), survey.Sample(read=12, found=found_all), choice
    )
    assert Detection.model_validate(yaml.safe_load(text)["detection"]) == default_detection()
    assert tuple(survey._detectors(survey.Sample())) == LOOKED_FOR
