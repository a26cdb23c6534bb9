"""The audit catches all that could go wrong, and shares no code with what it audits."""

import sys
import tomllib
import zlib
from collections.abc import Callable, Iterable
from itertools import product
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import sabotage_files
from sabotage_pixels import MOVED, OF_COLOURS, SABOTAGES
from scenes import COUNT, REGIONS, Format, Scene, check, picture, show, table

from anonbench.anonymization import apply, geometry
from anonbench.anonymization.apply import layers
from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.check import Auditor
from anonbench.anonymization.methods import Blur, Pixelate
from anonbench.anonymization.methods.box_blur import BoxBlur
from anonbench.anonymization.methods.inpaint import Inpaint
from anonbench.anonymization.methods.keyed import Keyed
from anonbench.anonymization.methods.median import Median
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity, Method, Variant
from keyed_settings import ADDED, COMBINED

PAPERS = list(Method)
FORMATS = [*product(("png", "jpeg"), (True, False))]
Make = Callable[..., Scene]


def refuse(made: Scene, told: str, pixels: np.ndarray | None = None, **given: Any) -> None:
    try:
        made.audit(pixels, **given)
    except Failure:
        return
    pytest.fail(f"{told} passes")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "colour", "shape"),
    [*((*each, "box") for each in FORMATS), ("png", False, "ellipse"), ("png", True, "image")],
)
@pytest.mark.parametrize("method", [*PAPERS, *ADDED, *COMBINED])
def test_what_is_hidden_as_asked_passes(
    scene: Make, method: str, form: Format, colour: bool, shape: str
) -> None:
    hidden = np.count_nonzero(scene("mask", "png", False, shape).honest == 0)
    counts = {"images": 1, "regions": COUNT, "hidden_pixels": hidden}
    assert +scene(method, form, colour, shape).audit() == counts, "nothing else is counted"


NOT_WRONG = {
    "mask": MOVED.keys(),
    # there is one strength, picked methods are the paper's, and faces are masked
    "replace": {"another_method", "weaker_than_asked", *MOVED}
    - {"overlap_the_other_way", "earlier_region_over_the_later_one", "hidden_at_half_the_size"},
    # the centre of a distortion stays where it is, as its documentation says
    "barrel": {"pixel_region_left"},
}
CHOICE = [
    "nothing_hidden", "one_region_left", "degree_rounded_down", "pixel_region_left",
    "first_column_left", "one_pixel_left", "chessboard_left", "box_shifted_right",
    "quadrilateral_as_its_box", "half_transparent", "shines_through", "wrong_image",
]  # fmt: skip
"""For time; the paper's methods and replacement go through all."""


def wrong_for(method: str) -> Iterable[str]:
    names = SABOTAGES if method in [*PAPERS, "replace"] else CHOICE
    return [name for name in names if name not in NOT_WRONG.get(method, ())]


@pytest.mark.parametrize(
    ("method", "name"),
    [(method, name) for method in [*PAPERS, *ADDED] for name in wrong_for(method)],
)
def test_wrong_pixels_are_caught(scene: Make, method: str, name: str) -> None:
    for colour in (True, False) if method in PAPERS and name not in OF_COLOURS else (True,):
        made = scene(method, "png", colour)
        refuse(made, f"{name}, colour: {colour}", SABOTAGES[name](made))


@pytest.mark.parametrize("name", SABOTAGES)
def test_a_file_of_other_pixels_than_are_named_is_caught(scene: Make, name: str) -> None:
    """The writer may not know of the fault, and name the pixels as they should be."""
    for form, colour in FORMATS:
        if colour or name not in OF_COLOURS:
            made = scene("blur", form, colour)
            refuse(made, f"{name}, {form}, {colour}", data=made.code(SABOTAGES[name](made)))


FILES = {"png": sabotage_files.PNG, "jpeg": sabotage_files.JPEG}


@pytest.mark.parametrize(("form", "name"), [(form, name) for form in FILES for name in FILES[form]])
def test_wrong_files_are_caught(scene: Make, form: Format, name: str) -> None:
    for colour in (True, False):
        made = scene("blur", form, colour)
        refuse(made, f"{name}, colour: {colour}", data=FILES[form][name](made))


def test_the_rows_of_the_suites_wrong_files_are_good_ones(scene: Make) -> None:
    """So what is added to them is what is caught."""
    made = scene("mask")
    rows = zlib.decompress(sabotage_files.stream(made))
    made.audit(data=sabotage_files.png(made, zlib.compress(rows)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"order": [0, 1, 2, 3, 4, 5, 6, 6]}, "not a permutation"),
        ({"order": [1, 2, 3, 4, 5, 6, 7, 8]}, "not a permutation"),
        ({"x1": [np.inf] * 8}, "not a number"),
    ],
)
def test_wrong_box_tables_are_caught(scene: Make, changes: dict[str, Any], message: str) -> None:
    made = scene("mask")
    with pytest.raises(Failure, match=message):
        auditor = Auditor(table(REGIONS).assign(**changes), made.variant, made.settings)
        show(auditor, "a", (made.variant, made.settings), made.original, made.honest)


@pytest.mark.parametrize(("owner", "variant"), [("b", Variant("mask", 70)), ("a", Variant())])
def test_another_images_regions_or_another_variant(
    scene: Make, owner: str, variant: Variant
) -> None:
    made = scene("mask")
    auditor = Auditor(table(REGIONS, owner), variant, made.settings)
    with pytest.raises(Failure):
        show(auditor, "a", (variant, made.settings), made.original, made.honest)
    show(auditor, "a", (variant, made.settings), made.original, made.original)
    assert auditor.counts["without_regions"] == 1


def test_an_image_of_one_pixel_is_masked_or_refused() -> None:
    asked = np.full((1, 1), 200, np.uint8), [Region(Entity.FACE, 0.0, 0.0, 1.0, 1.0, 1.0)]
    check(*asked, "mask", Anonymization())
    for method in {*PAPERS} - {Method.MASK}:
        with pytest.raises(Failure, match="one pixel"):
            check(*asked, method, Anonymization())


def test_a_region_outside_its_image_is_counted() -> None:
    outside = [Region(Entity.FACE, 200.0, 10.0, 220.0, 30.0, 1.0)]
    counts = check(picture(), outside, "blur", Anonymization())
    assert +counts == {"images": 1, "regions": 1, "outside_image": 1, "without_regions": 1}


def test_a_method_whose_check_is_none(scene: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    made, whole = scene("blur"), Blur.is_hidden
    monkeypatch.setattr(Blur, "is_hidden", lambda *given: whole(*given)[:1])  # a part of it only
    with pytest.raises(Failure, match="check returns shape"):
        made.audit()
    monkeypatch.delattr(Blur, "is_hidden")
    with pytest.raises(Failure, match="defines no check"):
        made.audit()


def narrowed(*asked: object) -> geometry.Cover | None:
    area = COVER(*asked)  # type: ignore[arg-type]
    if area is None:
        return None
    rows, columns = area.window
    return geometry.Cover((rows, slice(columns.start, columns.stop - 1)), area.inside[:, :-1])


def centred(quad: tuple[float, ...], window: tuple[slice, slice]) -> np.ndarray:
    """Return the pixels whose centres lie inside, where all that are touched should be."""
    return SLANTED(quad, window) & SLANTED([each - 0.5 for each in quad], window)


def guessed(count: int, bits: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 2**bits, count, f"<u{bits // 8}")


COVER, SLANTED = geometry.cover, geometry.slanted


@pytest.mark.parametrize(
    ("owner", "name", "new", "methods"),
    [  # the audit once took its area and count from these very functions
        (apply, "regions_at", lambda degree, count: 0, PAPERS),
        (apply, "regions_at", lambda degree, count: degree * count // 100, PAPERS),
        (geometry, "cover", narrowed, PAPERS),
        (geometry, "floor", round, PAPERS),
        (geometry, "ceil", round, PAPERS),
        (geometry, "slanted", centred, PAPERS),
        *((kind, "least_side", 1, [kind.name]) for kind in (Blur, Pixelate, BoxBlur, Median)),
        (Inpaint, "hide_among", lambda self, pixels, hidden: pixels, ["inpaint"]),
        (Inpaint, "surroundings", 3, ["inpaint"]),
        # whoever has the code could make these numbers again
        (
            *(Keyed, "random", lambda self, _, entity, *asked: guessed(*asked)),
            ["noise", "dp_pixelate", "tile_shuffle", "patch_shuffle"],
        ),
    ],
)
def test_faults_of_the_anonymizer_and_of_methods_are_caught(
    scene: Make,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    new: object,
    methods: list[str],
) -> None:
    scenes = [scene(method) for method in methods]  # made before anything is replaced
    monkeypatch.setattr(owner, name, new)
    for made in scenes:
        *between, pixels = layers(made.original, REGIONS, made.variant, made.settings)
        refuse(made, made.method, pixels, between=between)


@pytest.mark.parametrize(
    ("name", "form"), [*((name, "png") for name in [*Method, *ADDED, *COMBINED]), ("blur", "jpeg")]
)
def test_no_function_hides_and_audits(scene: Make, root: Path, name: str, form: Format) -> None:
    made = scene(name, form)
    data = made.code(made.honest)
    hiding = executed(root, lambda: layers(made.original, REGIONS, made.variant, made.settings))
    judging = executed(root, lambda: made.audit(data=data))
    assert hiding and only_checks(judging)
    assert not hiding & judging


def only_checks(judging: set[str]) -> bool:
    """Return whether all that runs of the anonymizer's room are checks beside a method."""
    return all("/methods/" in each or "/replacement/pictures.py:" in each for each in judging)


def executed(root: Path, call: Callable[[], object]) -> set[str]:
    """Return functions that run in a call, of modules that the audit must not import."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    contracts = {each["name"]: each for each in project["importlinter"]["contracts"]}
    forbidden = contracts["The audit shares nothing with what it audits"]["forbidden_modules"]
    forbidden.remove("anonbench.core.libraries.opencv")  # both have the library
    paths = [f"{root}/src/{name.replace('.', '/')}" for name in forbidden]
    shared = tuple(f"{path}{end}" for path in paths for end in ("/", ".py"))
    runs: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(shared):
            runs.add(f"{frame.f_code.co_filename}:{frame.f_code.co_qualname}")

    sys.setprofile(note)
    try:
        call()
    finally:
        sys.setprofile(None)
    return runs
