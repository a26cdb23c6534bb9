"""The audit catches all that could go wrong, and shares no code with what it audits."""

import ast
import sys
import zlib
from collections.abc import Callable
from itertools import product
from pathlib import Path
from types import FrameType

import cv2
import numpy as np
import pytest
import sabotage_files
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont
from sabotage_pixels import MOVED, OF_COLOURS, SABOTAGES
from scenes import COUNT, DEGREE, REGIONS, Format, Scene, audit, picture, scene, table, window

from anonbench.anonymization import apply, geometry
from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.methods import Blur, Replace
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.core.vocabulary import Method as Papers
from anonbench.datasets.images import encode
from keyed_settings import ADDED, COMBINED, asked

METHODS = list(Method)
FORMATS: list[tuple[Format, bool]] = [
    ("png", True), ("png", False), ("jpeg", True), ("jpeg", False)
]  # fmt: skip
FAILS = "fails its audit"


def refuse(made: Scene, data: bytes, pixels: np.ndarray, told: str) -> None:
    try:
        audit(made, data, pixels)
    except InputError as error:
        assert FAILS in str(error), told
    else:
        pytest.fail(f"{told} passes")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("form", "colour"), FORMATS)
def test_what_is_hidden_as_asked_passes(method: Method, form: Format, colour: bool) -> None:
    made = scene(method, form, colour)
    counts = audit(made, made.code(made.honest), made.honest)
    assert counts["images"] == 1
    assert counts["regions"] == COUNT
    assert counts["failed"] == counts["without_regions"] == counts["outside_image"] == 0
    assert counts["hidden_pixels"] == np.count_nonzero(scene(Method.MASK, form, False).honest == 0)


@pytest.mark.parametrize("name", SABOTAGES)
def test_wrong_pixels_are_caught(name: str) -> None:
    for method, colour in product(METHODS, (True, False)):
        if (not colour and name in OF_COLOURS) or (method is Method.MASK and name in MOVED):
            continue
        made = scene(method, "png", colour)
        wrong = SABOTAGES[name](made)
        assert not np.array_equal(wrong, made.honest), (name, method)
        refuse(made, made.code(wrong), wrong, f"{name}, {method}, colour: {colour}")


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_file_of_other_pixels_than_are_named_is_caught(name: str) -> None:
    """The writer may not know of the fault, and name the pixels as they should be."""
    for form, colour in FORMATS:
        if colour or name not in OF_COLOURS:
            made = scene(Method.BLUR, form, colour)
            wrong = made.code(SABOTAGES[name](made))
            refuse(made, wrong, made.honest, f"{name}, {form}, colour: {colour}")


FILES = [("png", name) for name in sabotage_files.PNG]
FILES += [("jpeg", name) for name in sabotage_files.JPEG]


@pytest.mark.parametrize(("form", "name"), FILES)
def test_wrong_files_are_caught(form: Format, name: str) -> None:
    known = sabotage_files.PNG if form == "png" else sabotage_files.JPEG
    for colour in (True, False):
        made = scene(Method.BLUR, form, colour)
        data = known[name](made)
        assert data != made.code(made.honest)
        refuse(made, data, made.honest, f"{name}, colour: {colour}")


def test_the_rows_of_the_suites_wrong_files_are_good_ones() -> None:
    """So what is added to them is what is caught."""
    made = scene(Method.MASK)
    rows = zlib.decompress(sabotage_files.stream(made))
    audit(made, sabotage_files.png(made, zlib.compress(rows)))


@pytest.mark.parametrize("ranks", [[0, 1, 2, 3, 4, 5, 6, 6], [1, 2, 3, 4, 5, 6, 7, 8]])
def test_a_draw_order_that_is_none_is_caught(ranks: list[int]) -> None:
    made = scene(Method.MASK)
    auditor = Auditor(table(REGIONS).assign(order=ranks), made.variant, made.settings)
    with pytest.raises(InputError, match="not a permutation"):
        auditor.check("a", made.original, made.code(made.honest), made.honest)


def test_a_corner_that_is_no_number_is_caught() -> None:
    made = scene(Method.MASK)
    boxes = table(REGIONS)
    boxes.loc[0, "x1"] = np.inf
    with pytest.raises(InputError, match="not a number"):
        auditor = Auditor(boxes, made.variant, made.settings)
        auditor.check("a", made.original, made.code(made.honest), made.honest)


def test_another_images_regions_and_another_variant_are_not_taken() -> None:
    made = scene(Method.MASK)
    auditor = Auditor(table(REGIONS, "b"), made.variant, made.settings)
    with pytest.raises(InputError, match=FAILS):
        auditor.check("a", made.original, made.code(made.honest), made.honest)
    auditor.check("a", made.original, made.code(made.original), made.original)
    assert auditor.counts["without_regions"] == 1
    made = scene(Method.MASK)
    auditor = Auditor(table(REGIONS), Variant(), made.settings)
    auditor.check("a", made.original, made.code(made.original), made.original)
    with pytest.raises(InputError, match=FAILS):
        auditor.check("a", made.original, made.code(made.honest), made.honest)


def test_an_image_of_one_pixel_is_masked_or_refused() -> None:
    image = np.full((1, 1), 200, np.uint8)
    whole = [Region(Entity.FACE, 0.0, 0.0, 1.0, 1.0, 1.0)]
    for method in METHODS:
        variant, settings = Variant(method, 100), Anonymization()
        pixels = apply.layers(image, whole, variant, settings)[-1]
        data = encode(pixels)
        auditor = Auditor(table(whole), variant, settings)
        if method is Method.MASK:
            auditor.check("a", image, data, pixels)
        else:
            with pytest.raises(InputError, match="one pixel"):
                auditor.check("a", image, data, pixels)


def test_a_region_outside_its_image_is_counted() -> None:
    image = picture()
    outside = [Region(Entity.FACE, 200.0, 10.0, 220.0, 30.0, 1.0)]
    auditor = Auditor(table(outside), Variant(Method.BLUR, 100), Anonymization())
    auditor.check("a", image, encode(image), image)
    counts = auditor.counts
    assert (counts["regions"], counts["outside_image"], counts["without_regions"]) == (1, 1, 1)


def test_a_method_without_a_condition_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene(Method.BLUR)
    monkeypatch.delattr(Blur, "is_hidden")
    with pytest.raises(InputError, match="defines no check"):
        audit(made, made.code(made.honest))


def narrowed(*asked: object) -> geometry.Cover | None:
    area = COVER(*asked)  # type: ignore[arg-type]
    if area is None:
        return None
    rows, columns = area.window
    return geometry.Cover((rows, slice(columns.start, columns.stop - 1)), area.inside[:, :-1])


def centred(quad: tuple[float, ...], window: tuple[slice, slice]) -> np.ndarray:
    """Return the pixels whose centres lie inside, where all that are touched should be."""
    return SLANTED(quad, window) & SLANTED([each - 0.5 for each in quad], window)


COVER, SLANTED = geometry.cover, geometry.slanted


@pytest.mark.parametrize(
    ("module", "name", "new"),
    [
        (apply, "regions_at", lambda degree, count: 0),
        (apply, "regions_at", lambda degree, count: degree * count // 100),
        (apply, "cover", narrowed),
        (geometry, "floor", round),
        (geometry, "ceil", round),
        (geometry, "slanted", centred),
    ],
)
def test_faults_of_the_anonymizer_are_caught(
    module: object, name: str, new: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The audit once took its area and count from these very functions."""
    scenes = [scene(method) for method in METHODS]  # made before anything is replaced
    monkeypatch.setattr(module, name, new)
    for made in scenes:
        pixels = apply.layers(made.original, REGIONS, made.variant, made.settings)[-1]
        assert not np.array_equal(pixels, made.honest)
        refuse(made, made.code(pixels), pixels, made.method)


NAME = "replace"
SEEN = {"overlap_the_other_way", "earlier_region_over_the_later_one", "hidden_at_half_the_size"}
"""Moved, and yet seen under a mask."""
NOT_WRONG = {"another_method", "weaker_than_asked", *MOVED} - SEEN
"""There is one strength, picked methods are the paper's, and faces are masked."""


def kept(original: np.ndarray, written: np.ndarray, entity: str) -> bool:
    planes = (np.stack(cv2.split(image)) for image in (original, written))
    return bool(Replace().is_hidden_in(window(*planes, entity)).all())


def text(content: str, size: tuple[int, int] = (36, 300)) -> np.ndarray:
    image = Image.new("L", size[::-1], 230)
    font = ImageFont.load_default(round(0.8 * size[0]))
    ImageDraw.Draw(image).text((4, round(0.72 * size[0])), content, fill=20, font=font, anchor="ls")
    return np.asarray(image)


@pytest.mark.parametrize("name", sorted(SABOTAGES.keys() - NOT_WRONG))
def test_wrong_replacements_are_caught(name: str) -> None:
    made = scene(NAME)  # type: ignore[arg-type]
    wrong = SABOTAGES[name](made)
    assert not np.array_equal(wrong, made.honest)
    with pytest.raises(InputError, match="fails its audit"):
        audit(made, made.code(wrong), wrong)


@given(
    st.integers(1, 60),
    st.integers(1, 200),
    st.sampled_from(["text", "mrz", "barcode", "face", "ink"]),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_every_size_passes(height: int, width: int, entity: str, colour: bool) -> None:
    original = cv2.resize(picture(colour, seed=height), (width, height))
    assert kept(original, Replace().hide(original, entity), entity)


def test_paragraphs_and_standing_lines_pass() -> None:
    paragraph = np.concatenate([text("several lines of text")] * 4)
    for original in (paragraph, np.ascontiguousarray(np.rot90(text("a standing line")))):
        hidden = Replace().hide(original, "text")
        assert len(np.unique(hidden)) > 2
        assert kept(original, hidden, "text")


def test_the_text_itself_is_caught_in_two_colours_and_typed_anew() -> None:
    original = text("Jane Doe, born 1971")
    hidden = Replace().hide(original, "text")
    assert kept(original, hidden, "text")
    black_and_white = np.where(original > 128, hidden.max(), hidden.min()).astype(np.uint8)
    half = np.hstack([hidden[:, :150], black_and_white[:, 150:]])
    anew = original + 1
    for wrong in (black_and_white, half, anew, text("Some other words")):
        assert not kept(original, wrong, "text")


def test_one_level_in_one_pixel_is_caught() -> None:
    original = text("Jane Doe", (16, 120))
    hidden = Replace().hide(original, "text")
    inked = np.argwhere((hidden > hidden.min()) & (hidden < hidden.max()))
    for amount, (y, x) in product((1, -1), [(0, 0), inked[0], inked[len(inked) // 2]]):
        wrong = hidden.copy()
        wrong[y, x] = np.clip(int(wrong[y, x]) + amount, 0, 255)
        assert not kept(original, wrong, "text")


def test_a_code_with_its_own_content_is_caught() -> None:
    made = zxingcpp.create_barcode("SECRET1234567", zxingcpp.BarcodeFormat.QRCode)
    original = np.array(made.to_image(scale=4, add_quiet_zones=False))
    hidden = Replace().hide(original, "barcode")
    assert kept(original, hidden, "barcode")
    assert not kept(original, original, "barcode")
    turned = np.ascontiguousarray(np.rot90(hidden))
    assert not kept(original, turned, "barcode")


def test_ink_is_under_paper_and_faces_are_black() -> None:
    original = text("Erika Mustermann")
    written = Replace().hide(original, "ink")
    assert len(np.unique(written)) == 1 and kept(original, written, "ink")
    drawn = Replace().hide(original, "text")
    assert kept(original, np.zeros_like(original), "face")
    assert not any(kept(original, drawn, entity) for entity in ("ink", "face"))
    assert not kept(original, np.full_like(original, 1), "face")


AUDIT = "anonbench.anonymization.audit"
SHARES = (
    "core.boxes",
    "core.libraries.opencv",
    "datasets.coding_blocks",
    "datasets.images",
    "datasets.image_sets.shards",
)
"""What the anonymizer hides by, or is written with, beside its own room."""
PARAMETERS = {"anonbench", "anonbench.config", "anonbench.core.registries.methods"}


def is_shared(module: str) -> bool:
    """Return whether a module is the anonymizer's: its room's, but for the audit."""
    if module.startswith("anonbench.anonymization.") and not f"{module}.".startswith(f"{AUDIT}."):
        return True
    return module in {f"anonbench.{part}" for part in SHARES}


def modules(root: Path) -> dict[str, Path]:
    library = root / "src" / "anonbench"
    return {
        ".".join(path.relative_to(root / "src").with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in library.rglob("*.py")
    }


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Return the library's modules that a file imports anywhere in it, and their packages."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    parents = {
        ".".join(name.split(".")[:n]) for name in names for n in range(1, name.count(".") + 2)
    }
    return parents & known.keys()


def test_no_module_that_the_audit_reaches_is_the_anonymizers(root: Path) -> None:
    """Parameters of methods are read from the config, and their classes have `hide` beside them.

    So the walk ends there; that nothing runs for both is shown below.
    """
    known = modules(root)
    reached: set[str] = set()
    open_ = {name for name in known if name.startswith("anonbench.anonymization.audit")}
    assert len(open_) >= 5
    while open_:
        reached |= open_
        open_ = {name for start in open_ for name in imported(known[start], known)}
        open_ -= reached | PARAMETERS
    assert not {name for name in reached if is_shared(name)}
    assert is_shared("anonbench.anonymization.apply")
    assert known.keys() >= {f"anonbench.{part}" for part in SHARES}, "a module was renamed"


@pytest.mark.parametrize(
    ("name", "form"), [*((name, "png") for name in [*Papers, *ADDED, *COMBINED]), ("blur", "jpeg")]
)
def test_no_function_hides_and_audits(root: Path, tmp_path: Path, name: str, form: Format) -> None:
    settings, original = asked(tmp_path, format=form), picture()
    variant = Variant(name, DEGREE)
    *between, pixels = layers(original, REGIONS, variant, settings)
    data = encode(pixels, form)
    auditor = Auditor(table(REGIONS), variant, settings)
    hiding = executed(root, lambda: layers(original, REGIONS, variant, settings))
    judging = executed(root, lambda: auditor.check("a", original, data, pixels, between))
    assert hiding and only_checks(judging)
    assert not hiding & judging


def only_checks(judging: set[str]) -> bool:
    """Return whether all that runs of the anonymizer's room are checks beside a method."""
    return all("/methods/" in each or "/replacement/pictures.py:" in each for each in judging)


def executed(root: Path, call: Callable[[], object]) -> set[str]:
    loader = "anonbench.core.libraries.opencv"  # both have the library
    shared = {str(p) for name, p in modules(root).items() if is_shared(name) and name != loader}
    runs: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename in shared:
            runs.add(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}")

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return runs
