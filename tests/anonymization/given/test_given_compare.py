"""Another program's pictures: compared with originals, as an image set, summarized."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from anonbench.anonymization.audit.regions import Region
from anonbench.anonymization.given import gather
from anonbench.anonymization.given.gather import given_shard
from anonbench.config import Anonymization
from anonbench.core.boxes import Region as Box
from anonbench.core.boxes import box_table
from anonbench.core.errors import InputError
from anonbench.core.io import write_csv
from anonbench.core.libraries.opencv import cv2
from anonbench.core.vocabulary import Entity
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.reporting.privacy_tables import given_grid
from image_files import coded
from image_sets import listed

BOX = (40, 30, 104, 94)
"""x0, y0, x1, y1 of the region that detection found."""


def scene(seed: int = 0, colour: bool = True) -> np.ndarray:
    """Return a textured picture, uint8 [128, 160, 3] or [128, 160]."""
    rng = np.random.default_rng(seed)
    rough = cv2.GaussianBlur(rng.normal(size=(128, 160, 3)).astype(np.float32), (0, 0), 1.5)
    picture = np.clip(128 + 90 * rough / rough.std(), 0, 255).astype(np.uint8)
    return picture if colour else picture[..., 0]


def region(x0: float, y0: float, x1: float, y1: float, rank: int = 0) -> Region:
    return Region("face", rank, np.array([[y0, x0], [y0, x1], [y1, x1], [y1, x0]], float), False)


def masked(picture: np.ndarray, x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    changed = picture.copy()
    changed[y0:y1, x0:x1] = 0
    return changed


def judged(
    original: np.ndarray, picture: np.ndarray, *more: Region, format: str = "PNG", **options: object
) -> list[gather.Compared]:
    data = coded(picture, format, **options)
    read = np.asarray(Image.open(io.BytesIO(data)))
    return gather.compare(original, read, data, [region(*BOX), *more])


@settings(max_examples=6, deadline=None)
@given(
    quality=st.integers(30, 95),
    sampling=st.sampled_from([0, 2]),
    seed=st.integers(0, 99),
    colour=st.booleans(),
)
def test_coding_alone_changes_nothing(quality: int, sampling: int, seed: int, colour: bool) -> None:
    original = scene(seed, colour)
    found = judged(original, original, format="JPEG", quality=quality, subsampling=sampling)
    assert found[1].state == gather.State.VISIBLE
    assert (found[0].state, found[0].changed) == (gather.ORIGINAL, 0)


@pytest.mark.parametrize("options", [{}, {"format": "JPEG", "quality": 60}, {"format": "WEBP"}])
def test_a_hidden_region_is_told_from_a_half_hidden_one(options: dict[str, object]) -> None:
    original = scene()
    x0, y0, x1, y1 = BOX
    whole = judged(original, masked(original, *BOX), **options)
    half = judged(original, masked(original, x0, y0, (x0 + x1) // 2, y1), **options)
    assert whole[1].state == gather.State.HIDDEN
    assert whole[1].changed > 0.97
    assert half[1].state == gather.State.PARTLY
    assert half[1].changed == pytest.approx(0.5, abs=0.15)
    assert whole[0].state != gather.ORIGINAL
    assert half[0].state != gather.ORIGINAL
    assert whole[0].changed < 0.08  # the difference's window, and blocks of eight pixels


def test_a_blurred_region_is_hidden_and_a_blurred_picture_not_taken_for_noise() -> None:
    original, (x0, y0, x1, y1) = scene(), BOX
    blurred = original.copy()
    blurred[y0:y1, x0:x1] = cv2.GaussianBlur(original[y0:y1, x0:x1], (0, 0), 3.0)
    assert judged(original, blurred, format="JPEG", quality=75)[1].state == gather.State.HIDDEN
    found = judged(original, cv2.GaussianBlur(original, (0, 0), 6.0))
    assert found[1].state == gather.State.HIDDEN
    assert found[0].changed > 0.9


def test_detail_counts_and_its_flat_surroundings_do_not() -> None:
    """A blur leaves a flat part as it was, and that says nothing of the rest."""
    original, (x0, y0, x1, y1) = np.full((128, 160, 3), 200, np.uint8), BOX
    original[y0 + 16 : y1 - 16, x0 + 16 : x1 - 16] = scene()[:32, :32]
    hidden = masked(original, x0 + 12, y0 + 12, x1 - 12, y1 - 12)
    assert judged(original, hidden)[1].changed > 0.97
    elsewhere = masked(original, x0, y0, x0 + 8, y1)
    assert judged(original, elsewhere)[1].state == gather.State.VISIBLE
    flat = np.full((128, 160, 3), 200, np.uint8)  # without detail, pixels count
    assert judged(flat, flat)[1].state == gather.State.VISIBLE
    assert judged(flat, masked(flat, *BOX))[1].state == gather.State.HIDDEN


def test_regions_and_what_is_outside_have_their_own_verdicts() -> None:
    original = scene()
    strip = masked(original, 0, 112, 160, 128)
    found = judged(original, strip)
    free = 128 * 160 - 64 * 64
    assert found[0].changed == pytest.approx(160 * 16 / free, rel=0.15)
    assert found[1].state == gather.State.VISIBLE
    assert found[0].state != gather.ORIGINAL
    original = scene()
    other, beyond = region(120, 100, 150, 120, rank=1), region(200, 10, 220, 30, rank=2)
    found = judged(original, masked(original, *BOX), other, beyond)
    states = [(each.rank, each.state) for each in found[1:]]
    assert states == [(0, gather.State.HIDDEN), (1, gather.State.VISIBLE)]
    all_of_it = judged(original, original, region(0, 0, 160, 128, rank=1))
    assert np.isnan(all_of_it[0].changed)


NAMES = [f"{number:02d}" for number in range(40)]


def compared(visible: int, partly: int, originals: int = 0) -> pd.DataFrame:
    """Return a face in each of 40 pictures, so many of them visible and partly hidden."""
    states = ["visible"] * visible + ["partly"] * partly
    states += ["hidden"] * (len(NAMES) - len(states))
    shares = {"visible": 0.0, "partly": 0.5, "hidden": 1.0}
    faces = pd.DataFrame(
        {"id": NAMES, "entity": "face", "order": 0, "changed": [shares[s] for s in states]}
    ).assign(state=states)
    whole = pd.DataFrame({"id": NAMES, "entity": "", "order": 0, "changed": 0.25})
    whole["changed"] = whole["changed"].where(whole.index > 0, np.nan)
    state = ["original"] * originals + [""] * (len(NAMES) - originals)
    return pd.concat([faces, whole.assign(state=state)], ignore_index=True)


def summary(
    *reasons: str, clusters: pd.Series | None = None, **programs: pd.DataFrame
) -> pd.DataFrame:
    clusters = pd.Series(range(len(NAMES)), index=NAMES) if clusters is None else clusters
    lacking = pd.DataFrame({"reason": list(reasons)}, dtype=str)
    return gather.summarize_given(programs, lacking, clusters, 0.95)


def of(table: pd.DataFrame, what: str, entity: str = "face") -> pd.Series:
    return table[(table["what"] == what) & (table["entity"] == entity)].iloc[0]


def test_shares_are_those_that_were_counted() -> None:
    found = summary(deface=compared(visible=4, partly=6))
    assert tuple(found.columns) == gather.GIVEN_COLUMNS
    for what, number in (("visible", 4), ("partly", 6), ("hidden", 30)):
        row = of(found, what)
        assert (row["count"], row["n"], row["clusters"]) == (number, 40, 40)
        assert row["value"] == pytest.approx(number / 40)
        assert row["low"] < row["value"] < row["high"]
    assert of(found, "changed")["value"] == pytest.approx((30 + 3) / 40)
    outside = of(found, "outside", "")
    assert (outside["value"], outside["n"]) == (0.25, 39)


def test_photographs_of_one_person_are_no_independent_evidence() -> None:
    table = compared(visible=20, partly=0)
    alone = summary(deface=table)
    pairs = pd.Series([number // 2 for number in range(40)], index=NAMES)
    together = summary(clusters=pairs, deface=table)
    one, other = of(alone, "visible"), of(together, "visible")
    assert other["high"] - other["low"] > 1.2 * (one["high"] - one["low"])


def test_what_is_left_out_is_counted_by_program() -> None:
    reasons = (
        "there is no picture of deface",
        "there is no picture of other",
        "the picture of deface has another size",
        "the picture of deface: truncated or damaged",
        "the picture of deface: empty file",
        "no region found",
    )
    found = summary(*reasons, deface=compared(0, 0), other=compared(0, 0))
    counts = found[found["value"].isna()].set_index(["program", "what"])["count"].to_dict()
    assert counts == {
        ("deface", "missing"): 1,
        ("deface", "other_size"): 1,
        ("deface", "broken"): 2,
        ("other", "missing"): 1,
        ("other", "other_size"): 0,
        ("other", "broken"): 0,
    }


def test_what_stays_visible_is_said() -> None:
    assert list(gather.findings(summary(deface=compared(0, 0)))) == []
    found = summary("there is no picture of deface", deface=compared(3, 1, originals=2))
    assert list(gather.findings(found)) == [
        "pictures of deface: 3 of 40 regions that detection found are visible and 1 partly hidden; "
        "2 pictures unchanged; 1 image left out of all image sets"
    ]


def test_the_table_reads_what_was_written(tmp_path: Path) -> None:
    found = summary("there is no picture of a", a=compared(4, 6, originals=1), b=compared(0, 0))
    write_csv(found, tmp_path / "given.csv")
    read = gather.read_given(tmp_path / "given.csv")
    pd.testing.assert_frame_equal(read, found, check_dtype=False)
    assert list(gather.findings(read)) == list(gather.findings(found))
    grid = given_grid("archive", read, 0.95)
    rows = grid.blocks[0].rows
    assert [(row[0], row[1], row[2]) for row in rows[::2]] == [(n, "Face", "40") for n in "ab"]
    assert [row[3].partition(" (")[0] for row in rows[::2]] == ["75.0", "100.0"]
    assert "95 %" in grid.caption
    assert "a: 1 picture unchanged; 1: no picture." in grid.caption


ARCHIVE = ("copied", "half", "hidden")
ENDS = {"copied": 0, "half": 32, "hidden": 64}
"""Columns that the program hides, of 64."""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Draw three images, and what a program made of them."""
    for name, end in ENDS.items():
        pixels = np.random.default_rng(len(name)).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        save_picture(tmp_path / "photos" / f"{name}.png", pixels)
        pixels[:, :end] = 0
        save_picture(tmp_path / "theirs" / f"{name}.bmp", pixels)
    return tmp_path


def save_picture(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)


def made(folder: Path, **settings: Any) -> tuple[ImageSet, pd.DataFrame]:
    given_shard(
        manifest=listed(folder / "photos", [f"{name}.png" for name in ARCHIVE]),
        root=folder / "photos",
        boxes=box_table({name: [Box(Entity.FACE, 0, 0, 64, 64, 1.0)] for name in ARCHIVE}, 0),
        images=pd.DataFrame({"id": ARCHIVE, "status": "ok"}),
        program="deface",
        folder=folder / "theirs",
        settings=Anonymization(**settings),
        keep_without_regions=False,
        max_pixels=10_000,
        output=folder / "0.tar",
        compared=folder / "0.compared.parquet",
    )
    return ImageSet.open([folder / "0.tar"]), pd.read_parquet(folder / "0.compared.parquet")


def test_pictures_are_kept_and_compared_alike_each_time(archive: Path) -> None:
    images, compared = made(archive)
    assert images.ids == list(ARCHIVE)
    for name in ARCHIVE:
        theirs = np.asarray(Image.open(archive / "theirs" / f"{name}.bmp"))
        assert np.array_equal(images.read(name), theirs)
    states = compared[compared["entity"] == "face"].set_index("id")["state"].to_dict()
    assert states == {
        "copied": gather.State.VISIBLE,
        "half": gather.State.PARTLY,
        "hidden": gather.State.HIDDEN,
    }
    pictures = compared[compared["entity"] == ""].set_index("id")["state"]
    assert pictures.to_dict() == {"copied": gather.ORIGINAL, "half": "", "hidden": ""}
    before = [(archive / name).read_bytes() for name in ("0.tar", "0.compared.parquet")]
    made(archive)
    assert before == [(archive / name).read_bytes() for name in ("0.tar", "0.compared.parquet")]


def test_channels_are_the_originals(archive: Path) -> None:
    grey = np.asarray(Image.open(archive / "theirs" / "half.bmp").convert("L"))
    save_picture(archive / "theirs" / "half.bmp", grey)
    assert made(archive)[0].read("half").shape == (64, 64, 3)
    save_picture(archive / "photos" / "half.png", grey)
    save_picture(archive / "theirs" / "half.bmp", np.repeat(grey[..., None], 3, axis=2))
    assert made(archive)[0].read("half").shape == (64, 64)


@pytest.mark.parametrize("change", ["gone", "size", "broken"])
def test_a_file_that_was_replaced_stops_the_job(archive: Path, change: str) -> None:
    picture = archive / "theirs" / "half.bmp"
    if change == "gone":
        picture.unlink()
    elif change == "size":
        save_picture(picture, np.zeros((63, 64), np.uint8))
    else:
        picture.write_bytes(picture.read_bytes()[:200])
    with pytest.raises(InputError, match="'half': the picture of deface"):
        made(archive)
    assert not (archive / "0.tar").exists()
