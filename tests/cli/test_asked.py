"""What commands search for: by default all kinds, fewer by `--hide`, or what a config says."""

from __future__ import annotations

import argparse
import inspect
import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
import zxingcpp
from PIL import Image, ImageDraw

from anonbench.cli import main
from anonbench.cli.inputs import Requested, settings_of
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
        ({"hide": ["text,face", "mrz"]}, ["centerface", "ppocr", "mrz"]),
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
    only_text = asked(file, hide=["text"])
    assert only_text.detectors == ["ppocr"]
    assert "; not for face, barcode, mrz, ink (which also finds single letters" in only_text.line
    assert asked(file, detectors=["zxing"]).detectors == ["zxing"]
    assert asked(file, speed="quick").config.detection.speed == "quick"
    assert asked(file, speed="quick").config.detection.ppocr.thresh == 0.4
    part = tmp_path / "part.yaml"  # without data sets it stands above the defaults
    part.write_text("detection: {ppocr: {thresh: 0.25}}", encoding="utf-8")
    settings = asked(part).config.detection
    assert (settings.ppocr.thresh, settings.ppocr.box_thresh) == (0.25, 0.4)
    assert settings.centerface.margin == COVERING["centerface"]["margin"]


def test_of_several_data_sets_the_one_of_the_images_counts(tmp_path: Path) -> None:
    file = config(tmp_path, ["mtcnn"], ["ppocr"])
    assert asked(file, images=str(tmp_path / "d1")).detectors == ["ppocr"]
    with pytest.raises(InputError, match="d0, d1 have different detectors; name them by"):
        asked(file)
    assert asked(config(tmp_path, ["ppocr"], ["ppocr"])).detectors == ["ppocr"]
    own = config(tmp_path, ["boxes", "mtcnn"])  # a data set's own boxes are not left out in silence
    with pytest.raises(InputError, match=r"boxes needs files .* or FOLDER\.corrections\.csv"):
        asked(own)
    assert asked(own, boxes=Path("b.csv")).detectors == ["mtcnn"]


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


class Called(Exception):  # noqa: N818 - no error
    """What a command hands to the library."""


@pytest.mark.parametrize(
    ("module", "function", "command"),
    [
        ("anonbench.anonymization.files.run", "anonymize_files", "anonymize cards -o out"),
        ("anonbench.evaluation.end_to_end.evaluate", "evaluate", "evaluate cards"),
        ("anonbench.detection.files", "detect", "detect cards"),
    ],
)
def test_commands_and_functions_have_one_set_of_defaults(
    card: Path, monkeypatch: pytest.MonkeyPatch, module: str, function: str, command: str
) -> None:
    signature = inspect.signature(getattr(import_module(module), function))

    def called(*given: Any, **named: Any) -> None:
        raise Called(signature.bind(*given, **named).arguments)

    monkeypatch.setattr(f"{module}.{function}", called)
    with pytest.raises(Called) as call:
        main(command.split())
    (found,) = call.value.args
    assert tuple(found["detectors"]) == LOOKED_FOR
    assert found["detection"] == default_detection()
    assert signature.parameters["detectors"].default in (LOOKED_FOR, None)


def test_card_is_hidden_without_any_option(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
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


def test_nothing_found_names_more_detectors(card: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (200, 150), "white").save(card / "cards" / "a.png")
    assert main(["anonymize", "cards", "-o", "out", "--hide", "face", "--workers", "1"]) == 3
    said = capsys.readouterr().out
    assert "detectors that may find more: ppocr (text), zxing (barcode), mrz (mrz)" in said
    assert main(["anonymize", "cards", "-o", "all", "--workers", "1"]) == 3
    said += capsys.readouterr().out
    assert "mtcnn (face)" in said and "keep-without-regions" not in said
