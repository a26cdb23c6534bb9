"""Detectors by name, models that fail, a user's files, and tables of all shards."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from anonbench import anonymize_files, detect
from anonbench.config.detectors import Detection
from anonbench.core.boxes import Region, box_table, read_boxes, write_boxes
from anonbench.core.errors import InputError, UnreadableImage
from anonbench.core.io import write_csv, write_parquet
from anonbench.core.vocabulary import Entity
from anonbench.datasets.walk import COPY
from anonbench.detection.base import CachedDetector, clipped
from anonbench.detection.gather import gather_boxes
from anonbench.detection.kinds import FaceOnnx, Mtcnn, Zxing
from anonbench.detection.search import build, build_all
from anonbench.detection.text_recognizer import LineReader
from anonbench.detection.views import Views
from anonbench_demo import ids, portraits
from image_files import qr

IMAGE = np.full((96, 96, 3), 128, np.uint8)
SAID = "numbers that are not finite"


class Session:
    """A model whose outputs are zeros but for one number, once images are not blank."""

    def __init__(self, bad: int, shapes: Callable[[int, int], list[tuple[int, ...]]]) -> None:
        self.bad, self.shapes = bad, shapes

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="image", shape=[1] * 4)]

    get_outputs = get_inputs

    def get_modelmeta(self) -> SimpleNamespace:
        return SimpleNamespace(custom_metadata_map={"character": "abc"})

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("onnxruntime.InferenceSession", lambda *_, **__: self)

    def run(self, _: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        tensor = inputs["image"]
        outputs = [np.zeros(shape, np.float32) for shape in self.shapes(*tensor.shape[2:])]
        if tensor.std() or tensor.mean() > -0.9:
            outputs[self.bad].flat[3] = np.nan
        return outputs


def scrfd_shapes(height: int, width: int) -> list[tuple[int, ...]]:
    counts = [2 * (height // stride) * (width // stride) for stride in (8, 16, 32)]
    return [(count, channels) for channels in (1, 4) for count in counts]


@pytest.mark.parametrize("bad", [1, 5])
def test_scrfd(bad: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Session(bad, scrfd_shapes).install(monkeypatch)
    path = tmp_path / "model.onnx"
    path.touch()
    settings = Detection(face_onnx=FaceOnnx(weights=path, limit_side_len=96))
    detector = build("face_onnx", settings, 1)
    assert detector.detect([np.zeros_like(IMAGE)]) == [[]]
    with pytest.raises(UnreadableImage, match=SAID):
        detector.detect([IMAGE])


def test_text_detector_and_recognizer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert build("ppocr", Detection(speed="single"), 1).detect([IMAGE]) == [[]]
    Session(0, lambda *sides: [(1, 1, *sides)]).install(monkeypatch)
    detector = build("ppocr", Detection(speed="single"), 1)
    with pytest.raises(UnreadableImage, match=SAID):
        detector.detect([IMAGE])
    Session(0, lambda *_: [(1, 5, 5)]).install(monkeypatch)
    reader = LineReader()
    with pytest.raises(UnreadableImage, match=SAID):
        reader.read(IMAGE, np.array([(0, 0), (90, 0), (90, 20), (0, 20)], float))


@pytest.mark.parametrize("network", ["pnet", "rnet", "onet"])
def test_mtcnn(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load = torch.load

    def spoiled(file: str, **options: Any) -> Any:
        weights = load(file, **options)
        weights["conv1.bias"] *= np.nan if network in file else 1
        return weights

    monkeypatch.setattr(torch, "load", spoiled)
    settings = Detection(speed="single", mtcnn=Mtcnn(thresholds=(0.0, 0.0, 0.0)))
    detector = build("mtcnn", settings, 1)
    with pytest.raises(UnreadableImage, match=SAID):
        detector.detect([IMAGE])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_box_without_numbers_is_not_left_out(value: float) -> None:
    box = np.array([10.0, 10.0, 20.0, 20.0])
    corners = np.array([(10.0, 10.0), (20.0, 10.0), (20.0, 20.0), (10.0, 20.0)])
    for place in (box, corners):
        for number in range(place.size):
            spoiled = place.copy()
            spoiled.flat[number] = value
            with pytest.raises(UnreadableImage, match=SAID):
                clipped(Entity.TEXT, [spoiled], [0.9], IMAGE)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mtcnn", "centerface", "face_onnx", "ppocr", "mrz", "zxing"])
def test_what_is_found_follows_from_the_image(name: str, request: pytest.FixtureRequest) -> None:
    """Neither other images nor threads change it, and a grey image is one of three equal channels.

    On blank and tiny images, nothing is found.
    """
    settings: dict[str, Any] = {"speed": "single"}
    if name == "face_onnx":
        settings[name] = {"weights": request.getfixturevalue("scrfd")}
    detector, threaded = (
        build(name, Detection.model_validate(settings), threads) for threads in (1, 3)
    )
    card, portrait = ids.draw(0, "passport", "0001").image, portraits.draw(0, "someone", 0).image
    images = [card, portrait, np.full((60, 900), 127, np.uint8), card[:, :, 1]]
    alone = [detector.detect([image])[0] for image in images]
    assert len({len(regions) for regions in alone}) > 1, "so that a wrong order would show"
    assert detector.detect(images[::-1])[::-1] == threaded.detect(images) == alone
    assert detector.detect([np.dstack([card[:, :, 1]] * 3)]) == alone[-1:]
    blank = [np.full(shape, 127, np.uint8) for shape in ((1, 1), (2, 300), (900, 1), (19, 19))]
    assert detector.detect(blank) == [[]] * 4 and detector.detect([]) == []


NAN = float("nan")
WRONG = {61: (NAN, 3, 9, 9), 62: (0.1, 0.1, 0.4, 0.4), 63: (200, 3, 240, 9), 64: (5, 5, 5, 20)}
"""Boxes by the width of the image that they are of."""


class Scripted:
    """Finds what a test says, by the image's width."""

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        return [
            [Region(Entity.FACE, *WRONG.get(image.shape[1], (30, 20, 90, 40)), 1.0)]
            for image in images
        ]


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images of 60 to 65 pixels, all searched by `Scripted`."""
    monkeypatch.setattr(Zxing, "load", lambda *_: Scripted())
    folder = tmp_path / "photos"
    folder.mkdir()
    for width in range(60, 66):
        Image.new("RGB", (width, 50), "white").save(folder / f"{width}.png")
    return folder


class Whitening:
    """Finds something in each image, and makes all of it white."""

    def detect(self, images: Sequence[np.ndarray]) -> list[list[Region]]:
        for image in images:
            image[:] = 255
        return [[Region(Entity.BARCODE, 5, 5, 20, 20, 1.0)] for _ in images]


def test_a_detector_cannot_change_what_later_ones_see(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Zxing, "load", lambda *_: Whitening())
    found = detect(photos, ["zxing"], workers=1)
    assert set(found.images["status"]) == {"failed"}


def test_anonymize_publishes_no_image_of_a_wrong_region(photos: Path, tmp_path: Path) -> None:
    done = anonymize_files(photos, tmp_path / "out", detectors=["zxing"], workers=1)
    assert (done.written, done.regions, done.failed) == (2, 2, 4)
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == ["60.png", "65.png"]
    assert all(reason.startswith("zxing: returned a region") for reason in done.reasons["failed"])
    images = json.loads(done.audit.read_text())["images"]
    for image in images:
        if image["status"] == "written":
            assert image["hidden_pixels"] == (image["width"] - 30) * 20
            assert image["regions"][0]["x1"] == image["width"]  # cut at the edge


@pytest.mark.parametrize(
    ("name", "package", "install"),
    [
        ("mtcnn", "facenet_pytorch", "facenet-pytorch"),
        ("ppocr", "onnxruntime", "onnxruntime rapidocr"),
        ("zxing", "zxingcpp", "zxing-cpp"),
    ],
)
def test_missing_package_says_what_to_install(
    name: str, package: str, install: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "anonbench.core.libraries.onnx", raising=False)
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
    with pytest.raises(InputError, match=f"pip install.*{install}"):
        build(name, Detection())


def test_cuda_without_a_gpu_is_refused_and_auto_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match=r"detection\.device is cuda, but"):
        build("mtcnn", Detection(device="cuda"))
    build("mtcnn", Detection(device="auto"))


def test_lines_of_text_are_found_once_for_text_and_zones(monkeypatch: pytest.MonkeyPatch) -> None:
    built = build_all(["mrz", "ppocr"], Detection())
    images = [np.full((200, 300), 255, np.uint8), np.full((80, 90), 255, np.uint8)]
    looked: list[int] = []
    detect = Views.detect
    whole = {image.shape for image in images}  # not the strips along their edges

    def look(self: Views, given: list[np.ndarray]) -> list[list[Region]]:
        looked.extend([len(given)] if given[0].shape in whole else [])
        return detect(self, given)

    monkeypatch.setattr(Views, "detect", look)
    assert [built[name].detect(images) for name in built] == [[[], []], [[], []]]
    built["ppocr"].detect(images[:1])
    built["mrz"].detect([images[0].copy()])  # another, by identity
    assert looked == [2, 1, 1]
    assert not isinstance(build_all(["ppocr"], Detection())["ppocr"], CachedDetector)


IMAGES = [  # id, split, outcome
    ("a", "train", "ok"),
    ("b", "train", "empty"),
    ("c", "train", "unreadable"),
    ("d", "val", "ok"),
    ("e", "val", "empty"),
]
FAILED = "mtcnn failed (RuntimeError)"
DOUBTS = {"a": "found at low confidence only", "b": "faces of less than 24 pixels"}
REASONS = {"unreadable": "unreadable", "partial": FAILED, "empty failed": FAILED}


def gather(folder: Path, keep: bool, images: list[tuple[str, str, str]] = IMAGES) -> None:
    listed = pd.DataFrame(
        [(i, f"{i}.jpg", s) for i, s, _ in images], columns=["id", "path", "split"]
    )
    write_parquet(listed, folder / "manifest.parquet")
    early = [
        ("x.jpg", "train", "empty file"),
        ("w.jpg", "train", COPY),
        ("y.txt", "", "not in any list"),
    ]
    write_csv(pd.DataFrame(early, columns=["path", "split", "reason"]), folder / "early.csv")
    boxes, states = [], []
    for number, split in enumerate(("train", "val")):
        rows = [
            (i, state.split()[0], REASONS.get(state, ""), DOUBTS.get(i, ""))
            for i, s, state in images
            if s == split
        ]
        used = [i for i, state, *_ in rows if state in ("ok", "partial")]
        found = {i: [Region(Entity.FACE, 1, 2, 3, 4, 0.9)] for i in used}
        boxes.append(folder / f"{number}.boxes.parquet")
        states.append(folder / f"{number}.images.parquet")
        write_boxes(box_table(found, 0), boxes[-1])
        write_parquet(pd.DataFrame(rows, columns=["id", "status", "reason", "doubts"]), states[-1])
    gather_boxes(
        folder / "manifest.parquet",
        folder / "early.csv",
        boxes,
        states,
        keep,
        folder / "boxes.parquet",
        folder / "skipped.csv",
        folder / "counts.csv",
        ["face", "text", "mrz"],
    )


def test_everything_that_was_listed_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    gather(tmp_path, keep=False)
    assert "NOTHING FOUND of these kinds: text, mrz." in caplog.text
    assert (tmp_path / "counts.csv").read_text(encoding="utf-8").splitlines() == [
        "split,listed,unreadable,failed,without_regions,used,used_without_regions,used_failed,"
        "used_doubtful",
        "train,4,2,0,1,1,0,0,1",
        "val,2,0,0,1,1,0,0,0",
    ]
    assert (tmp_path / "skipped.csv").read_text(encoding="utf-8").splitlines() == [
        "path,split,reason",
        "b.jpg,train,no region found",
        "c.jpg,train,unreadable",
        "e.jpg,val,no region found",
        f"w.jpg,train,{COPY}",
        "x.jpg,train,empty file",
        "y.txt,,not in any list",
    ]
    assert list(read_boxes(tmp_path / "boxes.parquet")["id"]) == ["a", "d"]


def test_images_on_which_a_detector_failed_are_listed_kept_or_not(tmp_path: Path) -> None:
    images = [*IMAGES, ("f", "train", "partial"), ("g", "val", "empty failed")]
    gather(tmp_path, keep=False, images=images)
    counts = pd.read_csv(tmp_path / "counts.csv").set_index("split")["used"]
    assert counts.to_dict() == {"train": 2, "val": 1}
    skipped = pd.read_csv(tmp_path / "skipped.csv").set_index("path")["reason"]
    assert skipped["f.jpg"] == f"{FAILED} (kept)"
    assert skipped["g.jpg"] == f"no region found; {FAILED}"
    gather(tmp_path, keep=True, images=images)
    counts = pd.read_csv(tmp_path / "counts.csv").set_index("split")
    assert counts["used"].to_dict() == {"train": 3, "val": 3}
    assert counts["used_doubtful"].to_dict() == {"train": 2, "val": 0}
    # the policy's rule `unsearched` asks for images on which a detector failed
    assert counts["used_failed"].to_dict() == {"train": 1, "val": 1}
    assert counts["used_without_regions"].to_dict() == {"train": 1, "val": 1}
    skipped = pd.read_csv(tmp_path / "skipped.csv").set_index("path")["reason"]
    assert skipped["g.jpg"] == f"{FAILED} (kept)"
    assert "e.jpg" not in skipped


def test_a_split_without_a_region_is_refused(tmp_path: Path) -> None:
    reason = r"no image of the split 'val' is left after detection \(1: no region found\)"
    way_out = ".*add others to `detectors` .*centerface \\(face\\), ppocr \\(text\\)"
    with pytest.raises(InputError, match=reason + way_out):
        gather(tmp_path, keep=False, images=[*IMAGES[:3], IMAGES[4]])
    assert not (tmp_path / "counts.csv").exists()


QUICK = Detection(speed="single")


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """A code, a blank image, a broken one, and one of a kind that is not read."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.fromarray(qr("one", margin=20)).save(folder / "a code.png")
    Image.new("L", (90, 60), 200).save(folder / "blank.png")
    (folder / "broken.png").write_bytes((folder / "blank.png").read_bytes()[:50])
    (folder / "photo.cr2").touch()
    return folder


def test_tables_of_boxes_and_images(mixed: Path) -> None:
    found = detect(mixed, ["zxing"], detection=QUICK, workers=1)
    assert found.boxes["id"].tolist() == ["a code"] and found.is_doubtful
    assert found.boxes["entity"].tolist() == ["barcode"] and found.boxes["x0"][0] > 10
    rows = found.images.set_index("name")
    assert rows["status"].to_dict() == {
        "a code.png": "ok",
        "blank.png": "empty",
        "broken.png": "unreadable",
    }
    assert (rows["width"]["blank.png"], rows["regions"]["a code.png"]) == (90, 1)
    assert rows["reason"]["broken.png"] and len(rows["digest"]["blank.png"]) == 64
    assert [each.name for each in found.left_out] == ["photo.cr2"]
    two = detect(mixed, iter(["zxing"]), detection=QUICK, workers=2)
    assert two.boxes.equals(found.boxes) and two.images.equals(found.images)


def test_without_faults_nothing_is_in_doubt(mixed: Path) -> None:
    assert not detect([mixed / "blank.png"], ["zxing"], detection=QUICK).is_doubtful
    with pytest.raises(InputError, match="no such file"):
        detect(mixed / "missing")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"detection": {"speed": "quick"}}, r"detection: dict is no section .*config\.Detection"),
        ({"images": [np.zeros((9, 9), np.uint8)]}, "images: number 0 is ndarray, not a path"),
        ({"images": 3}, "images: int is no list; give a folder, or a list of paths"),
    ],
)
def test_other_types_are_refused(wrong: dict[str, Any], message: str, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    Image.new("L", (9, 9)).save(file)
    given = {"images": [file]} | wrong
    with pytest.raises(InputError, match=message):
        detect(**given)
    with pytest.raises(InputError, match=message):
        anonymize_files(**given, to=tmp_path / "copies")
