"""PP-OCR finds drawn text, in each version, with weights from each place."""

import logging
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from drawn_text import Finds, Looks, covered, load, packaged, page, pages, turned
from PIL import Image

from anonbench.config.detectors import COVERING, Detection
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.provenance import file_digest
from anonbench.core.registries.detectors import Detector
from anonbench.core.vocabulary import Entity
from anonbench.detection.kinds import Ppocr
from anonbench.detection.kinds import ppocr as ppocr_model
from anonbench.detection.kinds.ppocr import PUBLISHED
from anonbench.detection.search import build
from anonbench.detection.text_recognizer import LineReader
from anonbench.detection.text_search import TextSearch
from anonbench.detection.views import Reach, Views
from anonbench_demo import documents

V3, V6 = Ppocr().model, "PP-OCRv6_small_det"


@pytest.fixture(scope="module")
def weights() -> Path:
    return packaged()


@pytest.fixture(scope="module")
def detector(weights: Path) -> Detector:
    return load()


@pytest.mark.slow
def test_drawn_lines_are_found_where_they_are(detector: Detector) -> None:
    image, lines = page()
    (found,) = detector.detect([image])
    mask = covered(image.shape, found)
    for pixels in lines:
        assert mask[pixels].mean() > 0.95
    assert mask.mean() < 0.25
    for region in found:
        assert region.entity is Entity.TEXT
        assert 0.6 <= region.score <= 1
        corners = np.array(region.quad).reshape(4, 2)
        box = (region.x0, region.y0, region.x1, region.y1)
        assert box == (*corners.min(axis=0), *corners.max(axis=0))


def test_slanted_lines_keep_their_quadrilaterals(detector: Detector) -> None:
    image, _ = page()
    (found,) = detector.detect([turned(image, 12)])
    long = [r for r in found if r.x1 - r.x0 > 200]
    assert long
    for region in long:
        x0, y0, x1, y1, *_ = region.quad or ()
        assert np.degrees(np.arctan2(y0 - y1, x1 - x0)) == pytest.approx(12, abs=3)


def test_small_pale_lines_at_a_slant_are_found_as_on_a_level_page(weights: Path) -> None:
    level = np.full((700, 900, 3), 235, np.uint8)
    for row in range(9):
        text = "Erika Mustermann 4711 geboren am 12.03.1977"
        level[240 + 24 * row : 260 + 24 * row, 250:650] = 210 + row  # as the print of a card
        place = (260, 255 + 24 * row)
        cv2.putText(level, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.45, (140,) * 3, 1, cv2.LINE_AA)
    image = turned(level, 40)
    ink = image.max(axis=2) < 175
    (once,), (found,) = load().detect([image]), build("ppocr", Detection()).detect([image])
    assert covered(image.shape, once)[ink].mean() < 0.8
    assert covered(image.shape, found)[ink].mean() > 0.97
    assert build("ppocr", Detection()).detect([level, image])[1] == found


@pytest.mark.parametrize("contrast", [1.0, 0.18])
def test_fine_print_of_a_page_with_ordinary_lines_is_found(weights: Path, contrast: float) -> None:
    image = np.full((1000, 800, 3), 255, np.uint8)
    letters = np.full((60, 1200), 255, np.uint8)
    place, text = (20, 40), "Petra Moretti 14.11.1968 IBAN DE4711"
    cv2.putText(letters, text, place, cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0,), 3, cv2.LINE_AA)
    image[100:160, 40:640] = letters[:, :600, None]
    small = cv2.resize(letters, (140, 7), interpolation=cv2.INTER_AREA)
    image[702:709, 100:240] = np.rint(255 - contrast * (255.0 - small[..., None]))
    ink = image.max(axis=2) < 255 - 95 * contrast
    ink[:600] = False
    (found,) = build("ppocr", Detection.model_validate(COVERING)).detect([image])
    assert covered(image.shape, found)[ink].mean() > 0.97


@pytest.mark.parametrize(
    ("share", "quality"),
    [(0.02, None), (0.02, 90), (0.013, None), (0.013, 90), (0.004, None)],  # the last: one level
)
def test_lines_under_a_cover_that_shines_through_are_found(
    weights: Path, share: float, quality: int | None
) -> None:
    shown, lines = page()
    for rows, cover in ((np.s_[140:210], 0), (np.s_[280:345], 255)):
        shown[rows] = np.rint(share * shown[rows] + (1 - share) * cover)
    if quality is not None:
        coded = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        shown = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    level = shown.max(axis=2).astype(int)
    assert np.ptp(level[150:200]) <= 8 and np.ptp(level[290:335]) <= 8  # nobody sees a letter
    (found,) = build("ppocr", Detection()).detect([shown])
    for ink in lines:
        assert covered(shown.shape, found)[ink].mean() > 0.95


@pytest.mark.parametrize(("contrast", "noise", "grain"), [(6, 3, 0), (20, 12, 0.8)])
def test_lines_hardly_above_the_noise_of_a_plate_are_found(
    weights: Path, contrast: int, noise: int, grain: float
) -> None:
    shown, lines = page()
    grains = np.random.default_rng(0).normal(0, 1, shown.shape[:2])
    grains = cv2.GaussianBlur(grains, (0, 0), grain) if grain else grains
    levels = 130 + contrast * (shown / 255) + noise / grains.std() * grains[..., None]
    (found,) = build("ppocr", Detection()).detect([levels.astype(np.uint8)])
    for ink in lines:
        assert covered(shown.shape, found)[ink].mean() > 0.93


@pytest.mark.parametrize("quality", [None, 90])
@pytest.mark.parametrize("is_white", [False, True])
@pytest.mark.parametrize(("contrast", "turns"), [(9, 0), (14, 0), (9, 1), (14, 3)])
def test_pale_fine_print_is_found_also_on_its_side(
    weights: Path, contrast: int, turns: int, is_white: bool, quality: int | None
) -> None:
    image, _ = page()
    letters = np.zeros((20, 190), np.uint8)
    text, font = "Erika Mustermann 12.03.1977", cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(letters, text, (4, 14), font, 0.38, (255,), 1, cv2.LINE_AA)
    if is_white:
        image[220:280] -= np.uint8(contrast)
    print_ = (255 - letters if is_white else letters)[..., None] / 255
    image[240:260, 60:250] = np.rint(255 - contrast * print_)
    if quality is not None:
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        image = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    image = np.ascontiguousarray(np.rot90(image, turns))
    (found,) = build("ppocr", Detection()).detect([image])
    hidden = np.rot90(covered(image.shape, found), -turns)
    assert hidden[240:260, 60:250][letters > 99].mean() > 0.95


def test_text_on_a_photographed_screen_is_found_as_on_paper(weights: Path) -> None:
    image = np.full((900, 900, 3), 210, np.uint8)
    for row in range(9):
        place = (120, 155 + 60 * row)
        text = "Erika Mustermann 4711 geboren am 12.03.1977"
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.4, (140,) * 3, 1, cv2.LINE_AA)
    ink = image.max(axis=2) < 175
    y, x = np.indices(ink.shape)
    pixels = (np.sin(2 * np.pi * way / 2.2) for way in (x + 0.06 * y, y - 0.06 * x))
    shown = np.clip(image * (0.9 + 0.2 * sum(pixels)[..., None]), 0, 255).astype(np.uint8)
    (once,), (found,) = load().detect([shown]), build("ppocr", Detection()).detect([shown])
    assert covered(image.shape, once)[ink].mean() < 0.8
    assert covered(image.shape, found)[ink].mean() > 0.97


def test_text_of_a_dithered_fax_is_found_as_in_grey(weights: Path) -> None:
    image = np.full((700, 700), 190, np.uint8)
    for row in range(9):
        place, text = (60, 100 + 60 * row), "Erika Mustermann 4711 geboren am 12.03.1977"
        cv2.putText(image, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.6, (120,), 1, cv2.LINE_AA)
    ink, fax = image < 150, np.asarray(Image.fromarray(image).convert("1")) * np.uint8(255)
    (once,), (found,) = load().detect([fax]), build("ppocr", Detection()).detect([fax])
    assert covered(image.shape, once)[ink].mean() < 0.8
    assert covered(image.shape, found)[ink].mean() > 0.97


def test_a_dithered_image_is_searched_with_its_dots_and_without_them() -> None:
    image = np.full((640, 640), 255, np.uint8)
    image[:320:3, ::3] = 0
    dots, smooth = (Region(Entity.TEXT, 20, y, 180, y + 20, 0.9) for y in (400, 500))
    second = Looks(lambda seen: [dots if set(np.unique(seen)) == {0, 255} else smooth])
    blind = Views(Finds(), Reach(whole=640, tile=640, overlap=20))
    assert TextSearch(blind, None, second).detect([image]) == [[smooth, dots]]


def test_a_dim_word_that_the_edge_cuts_is_found_by_the_second_model(weights: Path) -> None:
    image = np.full((700, 500, 3), 30, np.uint8)
    cv2.rectangle(image, (150, 150), (350, 650), (120, 60, 60), -1)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(image, "CARNIVAL", (40, 14), font, 0.8, (75,) * 3, 2, cv2.LINE_AA)
    ink = image.min(axis=2) > 60
    ink[20:] = False
    (found,) = build("ppocr", Detection.model_validate(COVERING)).detect([image])
    assert covered(image.shape, found)[ink].mean() > 0.97


def test_of_a_second_model_only_new_regions_of_a_line_s_height_count() -> None:
    def boxes(*boxes: tuple[int, int, int, int]) -> Finds:
        return Finds(*(Region(Entity.TEXT, *box, 0.9) for box in boxes))

    line, new, face = (20, 20, 180, 40), (20, 220, 180, 240), (20, 20, 180, 180)
    faint, sure = (Region(Entity.TEXT, *face, score) for score in (0.65, 0.75))
    half, whole = (20, 300, 180, 320), (20, 300, 340, 320)
    first = Views(boxes(line, half, half), Reach(whole=600, tile=600, overlap=20))
    both = TextSearch(first, None, Finds(faint, *boxes((40, 22, 140, 38), new, whole).regions))
    large, small = both.detect([np.zeros((side, side, 3), np.uint8) for side in (600, 300)])
    found = [(each.x0, each.y0, each.x1, each.y1) for each in large]
    assert found == [line, new, whole], "what lies in one of these is hidden by it"
    assert (small[-1].x0, small[-1].y1) == (10, 160), "searched at double size"
    blind = Views(Finds(), Reach(whole=640, tile=640, overlap=20))
    poster = TextSearch(blind, None, Finds(sure))
    high, low = poster.detect([np.zeros((side, 640, 3), np.uint8) for side in (330, 310)])
    assert high == [sure] and not low, "a word of at most half the height, at a high score"
    image = np.full((99, 300), 255, np.uint8)
    image[40:46, 50:200:3] = 0  # looks like fine print
    assert TextSearch(blind, None, None).detect([image]) == [[]], "a quick search"


@pytest.mark.slow
def test_thresholds_reach_the_model(weights: Path) -> None:
    image, _ = page()

    def area(**settings: float) -> float:
        found = load(**settings).detect([image])[0]
        return float(covered(image.shape, found).mean())

    usual = area()
    assert area(unclip_ratio=3.0) > 1.2 * usual
    assert 0 < area(thresh=0.7) < usual
    assert area(box_thresh=1.0) == 0.0
    assert area(box_thresh=0.0) >= usual
    assert area(limit_side_len=64) < 0.5 * usual


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_package_s_file_in_its_place_and_in_a_folder_of_one_s_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = Path(shutil.copy(packaged(name), tmp_path))
    assert file_digest(copy) == PUBLISHED[name].digest
    own, usual = load(model=name, weights=tmp_path), load(model=name)
    assert own.detect(pages()[:1]) == usual.detect(pages()[:1])
    copy.write_bytes(copy.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"damaged or of another version.*SHA-256 is not"):
        load(model=name, weights=tmp_path)
    monkeypatch.setattr(ppocr_model, "packaged", lambda _: copy)
    way_out = re.escape(PUBLISHED[name].install or "get it again")
    with pytest.raises(InputError, match=f"damaged.*{way_out}"):
        load(model=name)
    monkeypatch.setattr(ppocr_model, "packaged", lambda _: None)
    known = f", or {way_out}" if PUBLISHED[name].install else ""
    with pytest.raises(InputError, match=f"second_model: .*set it to null{known}$"):
        ppocr_model.find_models([name], None, "second_model")


def test_text_at_the_edge_is_covered_to_the_last_pixel(weights: Path) -> None:
    """rapidocr's own last step ends every box a pixel before the edge."""
    image, lines = page()
    column = int(np.nonzero(lines[0])[1].max())
    (found,) = load(unclip_ratio=2.5).detect([np.ascontiguousarray(image[:, :column])])
    assert max(region.x1 for region in found) == column


@pytest.mark.slow
def test_of_several_models_what_any_finds_counts() -> None:
    alone, both = [load(model=name) for name in (V3, V6) if packaged(name)], load(model=(V3, V6))
    for image in pages()[1:4:2]:
        each, (found,) = [one.detect([image])[0] for one in alone], both.detect([image])
        mask = cv2.dilate(covered(image.shape, found).astype(np.uint8), np.ones((3, 3))) > 0
        assert not any((covered(image.shape, lines) & ~mask).any() for lines in each)
        assert 0 < len(found) < sum(map(len, each))


def test_weights_of_a_folder_of_this_and_of_another_kind(
    weights: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, shared: Path
) -> None:
    onnx = Path(shutil.copy(weights, tmp_path / "inference.onnx"))
    with caplog.at_level(logging.INFO):
        other = load(weights=tmp_path)
    assert ppocr_model.PUBLISHED[V3].digest in caplog.text
    assert other.detect([page()[0]]) == load().detect([page()[0]])
    onnx.write_bytes(onnx.read_bytes()[:100_000])
    with pytest.raises(InputError, match="cannot load"):
        load(weights=tmp_path)
    recognizer = shared / "weights/ppocrv3/rec/inference.onnx"
    if not recognizer.is_file():
        pytest.skip("no recognizer in `shared`")
    shutil.copy(recognizer, tmp_path)
    with pytest.raises(InputError, match="is not a text detector"):
        load(weights=tmp_path)


NEWER = [name for name in PUBLISHED if name != V3]


@pytest.mark.slow
@pytest.mark.parametrize("model", NEWER)
def test_same_boxes_as_rapidocr_with_the_same_thresholds(model: str) -> None:
    """Its own code for the network's input and output; it ends a pixel before ours at the edges.

    It also sums with more digits, which moves a corner by a pixel now and then.
    """
    pytest.importorskip("rapidocr")
    theirs, detector = rapidocr_detector(packaged(model)), load(model=model)
    drawn = [documents.draw(0, name, "0").image for name in ("invoice", "letter", "news article")]
    for image in [*pages(), *drawn]:
        height, width = image.shape[:2]
        if min(height, width) < 32 or max(height, width) > 960:
            continue  # it does not look at the first, and rapidocr 3.4 has other limits
        rgb = image if image.ndim == 3 else np.dstack([image] * 3)
        expected = theirs(np.ascontiguousarray(rgb[:, :, ::-1])).boxes
        ours = np.array([r.quad for r in detector.detect([image])[0]]).reshape(-1, 4, 2)
        ours = np.minimum(ours, (width - 1, height - 1))
        assert len(expected) == len(ours) > 0
        apart = np.abs(ours[:, None] - np.asarray(expected)[None]).max(axis=(2, 3)).min(axis=1)
        assert apart.max() <= 3
        assert np.mean(apart == 0) > 0.9


def rapidocr_detector(weights: Path) -> Any:
    """Return rapidocr's own text detector with our thresholds and PaddleOCR's normalization."""
    import rapidocr
    from rapidocr.ch_ppocr_det import TextDetector
    from rapidocr.utils.parse_parameters import ParseParams

    config = ParseParams.load(Path(rapidocr.__file__).parent / "config.yaml")
    engine = config.EngineConfig.onnxruntime
    engine.intra_op_num_threads = engine.inter_op_num_threads = 1
    options = {"limit_side_len": 960, "limit_type": "max", "use_dilation": False}
    options |= {"box_thresh": 0.6, "unclip_ratio": 1.5, "model_path": str(weights)}
    options |= {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    config.Det.update(options | {"engine_cfg": engine, "model_root_dir": None})
    return TextDetector(config.Det)


@pytest.mark.parametrize("model", NEWER)
def test_its_package_s_recognizer_reads_lines_for_the_detector_mrz(model: str) -> None:
    (weights,) = packaged(model).parent.glob("*_rec_*.onnx")
    image, _ = page()
    line = np.array([(50, 150), (330, 150), (330, 205), (50, 205)], float)
    assert LineReader(weights).read(image, line) == "Invoice 4711"


@pytest.mark.parametrize("name", PUBLISHED)
def test_package_is_missing(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(ppocr_model, "PACKAGES", ("a_package_that_is_not_installed",))
    with pytest.raises(InputError, match=rf"no ONNX weights of {name}") as caught:
        load(model=name)
    assert PUBLISHED[name].files[0] in str(caught.value)
    assert (PUBLISHED[name].install or "weights") in str(caught.value)
    file = PUBLISHED[name].files[0]
    with pytest.raises(InputError, match=rf"no inference\.onnx .*and no {file}"):
        load(model=name, weights=tmp_path)
    with pytest.raises(InputError, match=rf"no ONNX weights of PP-OCRv9; .*{name}"):
        load(model="PP-OCRv9")
