"""`anonbench detect` and `anonbench anonymize`: options, output, what is searched for."""

import argparse
import csv
import inspect
import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image, ImageDraw

from anonbench import detect
from anonbench.cli import main
from anonbench.cli.inputs import Requested, settings_of
from anonbench.config import Detection
from anonbench.config.detectors import COVERING, LOOKED_FOR, default_detection
from anonbench.core.errors import InputError
from anonbench.datasets.annotations.read import read_boxes_file
from anonbench.datasets.annotations.rows import Images
from anonbench_demo import portraits
from anonbench_demo.fonts import Family
from image_files import qr

QUICK = Detection(speed="single")
SEARCHED = (
    "searching for barcode (by zxing); not for face, text, mrz, ink\n"
    "from config.yaml: detection; its other settings are not used\n"
)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two codes, in the folder in which commands run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "sub").mkdir(parents=True)
    for name in ("a.png", "sub/b.jpg"):
        Image.fromarray(qr(name, margin=20)).save(tmp_path / "photos" / name)
    text = yaml.safe_dump({"title": "of a run", "detection": {"speed": "single"}})
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    return tmp_path / "photos"


@pytest.fixture
def run(cli: Any) -> Any:
    """Function that runs a command with a detector of codes and the config."""
    own = "--detector zxing --workers 1 --configfile config.yaml"
    return lambda words, status=0: cli(words.replace(" ", f" {own} ", 1), status=status)


def test_detect_counts_and_writes(photos: Path, run: Any) -> None:
    said = run("detect photos").out
    assert said.startswith(SEARCHED)
    assert "\n2 images: 2 with regions (2 barcode), 0 without" in said and "a.png" not in said
    for suffix in ("csv", "parquet", "json"):
        run(f"detect photos -o boxes.{suffix}")
    rows = list(csv.DictReader((photos.parent / "boxes.csv").open(encoding="utf-8")))
    assert [(row["id"], row["path"]) for row in rows] == [("a", "a.png"), ("sub/b", "sub/b.jpg")]
    table = pd.read_parquet("boxes.parquet")
    assert table["x0"].tolist() == [pytest.approx(float(row["x0"])) for row in rows]
    entries = json.loads(Path("boxes.json").read_text(encoding="utf-8"))["images"]
    assert [len(entry["regions"]) for entry in entries] == [1, 1]
    (photos / "broken.png").write_bytes(b"broken")
    assert json.loads(run("detect photos --json", status=3).out)["unreadable"] == 1


def test_boxes_of_detect_are_boxes_for_the_config(photos: Path, run: Any) -> None:
    table = detect("photos", ["zxing"], workers=1, detection=QUICK).boxes
    expected = dict(zip(table["id"], table["x0"], strict=True))
    listed = pd.DataFrame({"id": ["a", "sub/b"], "path": ["a.png", "sub/b.jpg"]})
    for file in (Path("boxes.csv"), Path("boxes.parquet")):
        run(f"detect photos -o {file}")
        regions = read_boxes_file(file, Images(photos, listed)).regions()
        assert {name: regions[name][0].x0 for name in regions} == pytest.approx(expected)


def test_anonymize_says_what_is_missing(photos: Path, run: Any) -> None:
    said = run("anonymize photos -o out --method mask --dry-run").out
    assert "2 images would be searched" in said and not Path("out").exists()
    said = run("anonymize photos -o out --method mask").out
    assert said.startswith(f"{SEARCHED}wrote out: 2 images of 2, 2 regions hidden\n")
    Image.new("L", (90, 60), 200).save(photos / "blank.png")
    done = json.loads(run("anonymize photos -o out --method mask --json", status=3).out)
    assert (done["written"], done["without_regions"]) == (2, 1)
    assert Path(done["audit"]).name == "out.audit.json"


@pytest.mark.parametrize(("blocks", "is_weak"), [(1000, True), (4, False)])
def test_a_strength_that_hides_next_to_nothing_is_called_weak(
    photos: Path, run: Any, blocks: int, is_weak: bool
) -> None:
    with Path("config.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\nanonymization: {{ pixelate: {{ blocks: {{ barcode: {blocks} }} }} }}\n")
    for more, status in (("--dry-run", 0), ("", 3 if is_weak else 0)):
        said = run(f"anonymize photos -o out --method pixelate {more}", status=status).out
        assert ("pixelate: weak, its strength leaves detail visible (100%" in said) is is_weak


def test_methods_with_a_key(photos: Path, run: Any) -> None:
    shuffle = "anonymize photos -o out --method tile_shuffle"
    assert "openssl rand -hex 32 > anonbench.key" in run(shuffle, status=1).err
    Path("anonbench.key").write_bytes(b"k" * 32)
    assert "tile_shuffle: weak by design, barcode may" in run(shuffle).out
    assert "weak" not in run("anonymize photos -o other --method layers").out


def test_anonymize_counts_other_files(photos: Path, run: Any) -> None:
    out = os.fsdecode(b"out\xff")  # a name that is no text
    run(f"anonymize photos -o {out}")
    (photos / "a.png").rename(Path(out, "strange.png"))
    for name in ("README.txt", "b.csv", "c.csv", "Thumbs.db", ".DS_Store"):
        (photos / name).touch()
    said = run(f"anonymize photos -o {out}", status=3).out
    assert "wrote out\\xff: 1 image of 1 (0 made now, 1 unchanged), " in said
    assert "also in out\\xff: 1 copy whose original is gone or was not given (a.png)" in said
    assert "also in out\\xff: 1 file not known to be from this command" in said
    others = "\n3 files are no images (2 .csv, 1 .txt)"
    assert f"{others}, not copied\n" in said
    assert f"{others}\n" in run("detect photos").out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("detect photos -o x.txt", "the name must end in .parquet or .csv or .json"),
        ("detect config.yaml/x", "there is no such file"),
        ("detect photos --detector centreface", "did you mean centerface?"),
        ("detect photos --detector boxes", "there are mtcnn"),
        ("anonymize photos -o photos/out", "in the folder of the originals"),
        ("anonymize photos -o out --method blurr", "there are pixelate"),
        ("anonymize photos -o out --boxes b.csv", "out.corrections.csv (id,action"),
        ("detect list.csv -o list.csv", "is the same file as"),
        # what a misspelt section asks for would be left out, and less be hidden
        ("detect photos --configfile wrong.yaml", "did you mean anonymization?"),
        ("anonymize photos -o out --configfile wrong.yaml", "wrong.yaml"),
    ],
)
def test_wrong_turns(photos: Path, run: Any, arguments: str, said: str) -> None:
    Path("list.csv").write_text("path\nphotos/a.png\n")
    Path("wrong.yaml").write_text("anonymisation: {margin: 1.5}", encoding="utf-8")
    assert said in run(arguments, status=1).err
    assert Path("list.csv").read_text() == "path\nphotos/a.png\n"
    assert not Path("out").exists()


ALL = ["centerface", "ppocr", "zxing", "mrz", "ink"]


def asked(file: Path | None = None, **options: Any) -> Requested:
    known = {"detector": None, "hide": None, "images": "photos", "boxes": None, "speed": None}
    return settings_of(argparse.Namespace(**known | options, configfile=file))


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
        ({"detector": ["zxing", "mtcnn"], "hide": ["face"]}, ["mtcnn"]),
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
        ({"hide": ["text"], "detector": ["zxing"]}, "none of zxing finds it"),
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
    assert found.line.endswith(
        "yaml: datasets.d0.detectors, detection; its other settings are not used"
    )
    given = yaml.safe_load(file.read_text())
    given["datasets"]["d0"]["corrections"] = "mine.csv"
    file.write_text(yaml.safe_dump(given))
    assert "\nnot used: mine.csv; regions of your own: " in asked(file).line
    only_text = asked(file, hide=["text"])
    assert only_text.detectors == ["ppocr"]
    assert "; not for face, barcode, mrz, ink (which also finds single letters" in only_text.line
    assert asked(file, detector=["zxing"]).detectors == ["zxing"]
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
    font = Family.SANS.font(34)
    ImageDraw.Draw(page).text((330, 100), "ERIKA MUSTERFRAU", font=font, fill="black")
    page.paste(Image.fromarray(qr("Erika", scale=5, margin=0)), (500, 250))
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


def test_card_is_hidden_without_any_option(card: Path, cli: Any) -> None:
    said = cli("anonymize cards -o out --workers 1").out.splitlines()
    assert said[0].startswith("searching for face, text, barcode, mrz, ink (by ")
    record = json.loads((card / "out.audit.json").read_text(encoding="utf-8"))
    (image,) = record["images"]
    found = {region["entity"] for region in image["regions"]}
    assert found >= {"face", "text", "barcode"} and record["detectors"].keys() == {*ALL}
    assert image["hidden_pixels"] > 0.1 * 800 * 500
    hidden = np.asarray(Image.open(card / "out" / "a.png"))
    assert not hidden[105:130, 340:600].any() and not hidden[300:320, 530:560].any()


def test_nothing_found_names_more_detectors(card: Path, cli: Any) -> None:
    Image.new("RGB", (200, 150), "white").save(card / "cards" / "a.png")
    said = cli("anonymize cards -o out --hide face --workers 1", status=3).out
    assert "detectors that may find more: ppocr (text), zxing (barcode), mrz (mrz)" in said
    said += cli("anonymize cards -o all --workers 1", status=3).out
    assert "mtcnn (face)" in said and "keep-without-regions" not in said
