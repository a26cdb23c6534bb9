"""Attack by coding noise with planted truths: what is drawn and coded is known."""

import tracemalloc
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageDraw, ImageFont

from anonbench.core.boxes import Region
from anonbench.core.registries.attacks import NO_CODING, Equipment
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.images import read_image
from anonbench.evaluation.privacy.attacks.coding import coding_of, is_lossless
from anonbench.evaluation.privacy.attacks.files import attack_files
from anonbench.evaluation.privacy.attacks.kinds import block_noise
from anonbench.evaluation.privacy.attacks.kinds.block_noise import BlockNoise
from anonbench.evaluation.privacy.attacks.kinds.reading import Line, Readability
from anonbench.evaluation.privacy.attacks.typesetting import typesetting_of
from image_files import coded, turned

TEXTS = ["407188", "961430", "282509", "733694", "159026", "864217", "350971", "628543"]
SIZE, PAPER, STEP = 22, 200, 5
GIVEN = Variant("given", 100)


def encoded(pixels: np.ndarray, form: str, turn: int = 1, **options: int) -> bytes:
    """Return a file whose pixels a reader turns by its EXIF orientation."""
    return coded(pixels, form, exif=turned(turn).tobytes(), **options)


def jpeg(pixels: np.ndarray, quality: int = 75, subsampling: int = 2, turn: int = 1) -> bytes:
    return encoded(pixels, "JPEG", turn, quality=quality, subsampling=subsampling)


def page(number: int) -> tuple[np.ndarray, Region]:
    """Return a noisy page with a number, uint8 [H, W, 3], and where its ink is."""
    paper = PAPER + STEP * number
    image = Image.new("RGB", (200, 96), (paper,) * 3)
    font = ImageFont.load_default(SIZE)
    at = (43 + number % 8, 37 + (3 * number) % 8)
    ImageDraw.Draw(image).text(at, TEXTS[number], fill=(20,) * 3, font=font)
    drawn = np.asarray(image)
    x, y, width, height = cv2.boundingRect((drawn != paper).any(axis=2).astype(np.uint8))
    noisy = drawn + np.random.default_rng(number).normal(0, 1.5, drawn.shape)
    pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    return pixels, Region(Entity.TEXT, *map(float, (x, y, x + width, y + height)), 1.0)


class Told:
    """Stands for the recognizer: the paper's brightness tells which page it is."""

    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        return [Line(TEXTS[round((np.median(image) - PAPER) / STEP)], 1.0) for _ in regions]


@pytest.fixture(autouse=True)
def _told(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(Readability, "load", lambda *_: Told())
    return


def covered(pixels: np.ndarray, region: Region, unit: int = 1) -> np.ndarray:
    """Return an image with a black rectangle, rounded up to a grid."""
    hidden = pixels.copy()
    y, x = (int(side) // unit * unit for side in (region.y0, region.x0))
    hidden[y : -(-int(region.y1) // unit) * unit, x : -(-int(region.x1) // unit) * unit] = 0
    return hidden


def attacked(
    quality: int, subsampling: int, copy: str, unit: int = 1, grey: bool = False
) -> dict[str, float]:
    looking = BlockNoise(candidates=30).load(Equipment(None, None))
    shares = []
    for number in range(7):
        pixels, region = page(number)
        data = jpeg(pixels[..., 0] if grey else pixels, quality, subsampling)
        image = read_image(data)
        (truth,) = looking.look_at_file(data, image, [region], Variant())
        hidden = covered(image, region, unit)
        stored = jpeg(hidden, quality, subsampling) if copy == "jpeg" else None
        shown = hidden if stored is None else read_image(stored)
        (found,) = looking.look_at_file(stored, shown, [region], GIVEN)
        shares.append(looking.shares(truth, found))
    return pd.DataFrame(shares).mean().to_dict()


@pytest.mark.parametrize(
    ("quality", "subsampling", "grey"), [(90, 2, False), (75, 0, False), (75, 0, True)]
)
def test_numbers_are_read_beside_a_tight_box(quality: int, subsampling: int, grey: bool) -> None:
    assert attacked(quality, subsampling, "png", grey=grey)["top_1"] > 0.7


def test_numbers_are_read_in_jpeg_copies_and_boxes_of_whole_blocks_leave_chance() -> None:
    found = attacked(75, 2, "jpeg")
    assert found["top_1"] > 0.3 and found["top_10"] > 0.7
    found = attacked(75, 2, "png", unit=16)
    assert found["top_1"] == pytest.approx(1 / 30) and found["top_10"] == pytest.approx(1 / 3)
    # grey text has no colour: blocks of brightness are those of 8 pixels
    assert attacked(75, 2, "png", unit=8)["top_1"] < 0.3


@pytest.mark.parametrize(
    ("turn", "subsampling"), [*((turn, 2) for turn in range(1, 9)), (6, 0), (7, 1)]
)
def test_coding_is_repeated_as_the_file_was_coded(turn: int, subsampling: int) -> None:
    noise = np.random.default_rng(turn).integers(0, 256, (13, 17, 3), np.uint8)
    stored = cv2.resize(noise, (107, 75), interpolation=cv2.INTER_CUBIC)
    data = jpeg(stored, 60, subsampling, turn)
    shown, upright = read_image(data), read_image(encoded(stored, "PNG", turn))
    assert upright.shape == shown.shape
    coding = coding_of(data)
    assert coding is not None
    inner = (slice(20, 40), slice(20, 40))
    for top, left in ((0, 0), (5, 11)):
        pages = np.stack([upright, 255 - upright])[:, top : top + 64, left : left + 64]
        together = coding.repeated(pages, (top, left))
        alone = [coding.repeated(page[None], (top, left))[0] for page in pages]
        assert np.array_equal(together, np.stack(alone))  # none shows in the other
        seen = shown[top : top + 64, left : left + 64][inner]
        assert np.abs(alone[0][inner].astype(int) - seen).max() <= 1
        assert np.abs(pages[0][inner].astype(int) - seen).max() > 8


def test_large_lines_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A headline of a scan took 4.6 GB."""
    image, region = page(0)
    looking = BlockNoise(candidates=60).load(Equipment(None, None))
    (truth,) = looking.look_at_file(jpeg(image), image, [region], Variant())
    (found,) = looking.look_at_file(None, covered(image, region), [region], GIVEN)

    def changes(values: int) -> tuple[np.ndarray, int]:
        monkeypatch.setattr(block_noise, "VALUES", values)
        tracemalloc.start()
        got = block_noise.changes_by_text(truth.candidates, truth, found)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return np.asarray(got), peak

    (together, most), (apart, least) = changes(2**30), changes(2**17)
    assert np.array_equal(together, apart) and len(apart) == 60
    assert least < most / 4


def test_other_files_have_no_coding_that_can_be_repeated() -> None:
    pixels, region = page(0)
    files = {form: encoded(pixels, form) for form in ("PNG", "TIFF", "WEBP")}
    for form, data in (files | {"PDF": b"%PDF-1.4"}).items():
        assert coding_of(data) is None
        assert is_lossless(data) is (form in ("PNG", "TIFF"))
    assert not is_lossless(jpeg(pixels))
    # of lossy copies, only JPEG's can be attacked: others are neither found nor missed
    looking = BlockNoise(candidates=2).load(Equipment(None, None))
    (truth,) = looking.look_at_file(jpeg(pixels), pixels, [region], Variant())
    (found,) = looking.look_at_file(files["WEBP"], covered(pixels, region), [region], GIVEN)
    assert truth.candidates and looking.shares(truth, found) == {}


def test_the_type_face_of_a_line_is_found() -> None:
    pixels, region = page(3)
    line = pixels[int(region.y0) : int(region.y1), int(region.x0) : int(region.x1), 0]
    setting = typesetting_of(line, TEXTS[3])
    assert setting is not None and (setting.face, setting.size) == ("", SIZE)
    assert setting.stretch == pytest.approx(1.0, abs=0.02)
    assert typesetting_of(np.full((20, 90), 255, np.uint8), "none") is None


def attacked_archive(folder: Path, form: str) -> pd.DataFrame:
    """Attack originals of a format, hidden in lossless copies."""
    rows = ["path,entity,x0,y0,x1,y1"]
    for place in ("clear", "hidden"):
        (folder / place).mkdir(parents=True)
    for number in range(len(TEXTS)):
        pixels, region = page(number)
        name = folder / "clear" / f"{number}.{form}"
        Image.fromarray(pixels).save(name, quality=75)
        hidden = covered(read_image(name), region)
        Image.fromarray(hidden).save(folder / "hidden" / f"{number}.png")
        box = ",".join(str(int(side)) for side in (region.x0, region.y0, region.x1, region.y1))
        rows.append(f"{name.name},text,{box}")
    boxes = folder / "boxes.csv"
    boxes.write_text("\n".join(rows))
    given = str(folder / "clear"), str(folder / "hidden")
    return attack_files(*given, None, ["block_noise"], [], boxes).table


def test_pictures_of_any_program_are_judged_beside_control_and_chance(tmp_path: Path) -> None:
    table = attacked_archive(tmp_path / "lossy", "jpg")
    first = table[table["measure"] == "top_1"].set_index("method")
    assert first.loc["given", "rate"] > 0.7 and first.loc["given", "n"] == len(TEXTS)
    assert first.loc["original", "rate"] == pytest.approx(first.loc["given", "rate"], abs=0.15)
    assert first["control"].tolist() == pytest.approx([0.01] * 2) and (first["chance"] < 0.1).all()
    # of lossless originals it is said that the attack does not apply
    table = attacked_archive(tmp_path / "lossless", "png")
    assert table["reason"].tolist() == [NO_CODING] and table["rate"].isna().all()
