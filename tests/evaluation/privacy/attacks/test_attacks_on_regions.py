"""Attacks on regions with planted truths: what is drawn is known."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization, Detection, Privacy
from anonbench.core.boxes import Region, box_table, image_regions
from anonbench.core.errors import UnreadableImage
from anonbench.core.io import write_csv
from anonbench.core.registries.attacks import (
    NO_REGION,
    NOTHING_TO_ATTACK,
    ONLY_TRAIN,
    AttackNotPossibleError,
    Equipment,
    RegionAttack,
    Risk,
)
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attacks import run
from anonbench.evaluation.privacy.attacks.kinds import residual
from anonbench.evaluation.privacy.attacks.kinds.reading import (
    Barcodes,
    MrzReading,
    Readability,
    decoded,
    right_characters,
)
from anonbench.evaluation.privacy.attacks.kinds.residual import Residual
from anonbench.evaluation.privacy.attacks.regions import attack_regions, draw
from anonbench.evaluation.privacy.attacks.run import NO_TRUTH
from anonbench.evaluation.privacy.attacks.table import COLUMNS, read_attacks
from anonbench.evaluation.privacy.published import Published
from icao_specimens import SPECIMENS
from image_files import qr

MASK, BLUR = Variant("mask", 100), Variant("blur", 100)
EQUIPMENT = Equipment(Detection(), Anonymization())
texts = st.text(st.characters(codec="ascii"), max_size=12)


class Drawn(dict[str, np.ndarray]):
    """Images in memory by id, as they are or anonymized."""

    @property
    def ids(self) -> list[str]:
        return sorted(self)

    def read(self, image_id: str) -> np.ndarray:
        return self[image_id]


def codes(count: int) -> dict[str, np.ndarray]:
    return {
        f"{number:02d}": qr(f"ticket {number}", scale=4, ec_level="H") for number in range(count)
    }


def whole(image: np.ndarray, entity: Entity = Entity.BARCODE) -> Region:
    """Return the region inside of a frame of 16 pixels."""
    height, width = image.shape[:2]
    return Region(entity, 16, 16, width - 16, height - 16, 1.0)


def published(
    images: Mapping[str, np.ndarray],
    variants: Sequence[Variant],
    regions: Mapping[str, Sequence[Region]] | None = None,
    hiding: Anonymization = EQUIPMENT.anonymization,
    train: Mapping[str, np.ndarray] | None = None,
) -> Published:
    """Return images as they are published in some variants; `regions` are also of train images."""
    boxes = box_table(regions or {n: [whole(image)] for n, image in images.items()}, seed=0)
    order = image_regions(boxes)

    def hidden(variant: Variant) -> Drawn:
        return Drawn({n: anonymize(i, order[n], variant, hiding) for n, i in images.items()})

    return Published(
        originals=Drawn(images),
        versions={variant: hidden(variant) for variant in variants},
        boxes=boxes,
        clusters=pd.Series({name: number for number, name in enumerate(sorted(images))}),
        train=None if train is None else Drawn(train),
    )


def attack(
    shown: Published,
    *attacks: str,
    hiding: Anonymization = EQUIPMENT.anonymization,
    detectors: Sequence[str] = (),
    **settings: Any,
) -> pd.DataFrame:
    chosen = Privacy(attacks=attacks, **settings)
    return run.attack("a", shown, chosen, Equipment(Detection(), hiding, detectors), 0, 0.95)


def rates(table: pd.DataFrame, measure: str) -> dict[str, float]:
    return table[table["measure"] == measure].set_index("method")["rate"].to_dict()


def line(text: str) -> np.ndarray:
    """Return a line of dark text on white, uint8 [60, W, 3]."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    (width, _), _ = cv2.getTextSize(text, font, 1.0, 2)
    image = np.full((60, width + 32, 3), 255, np.uint8)
    return cv2.putText(image, text, (16, 42), font, 1.0, (20, 20, 20), 2, cv2.LINE_AA)


def test_a_weakly_blurred_line_is_read_and_a_masked_one_is_not() -> None:
    pytest.importorskip("onnxruntime")
    images = {f"{n:02d}": line(f"Invoice {47110 + 37 * n}") for n in range(8)}
    regions = {name: [whole(image, Entity.TEXT)] for name, image in images.items()}
    weak = Anonymization.model_validate({"blur": {"sigma": {"text": 0.05}}})
    table = attack(published(images, [BLUR, MASK], regions, weak), "readability", hiding=weak)
    read, right = (rates(table, measure) for measure in ("exact_lines", "characters"))
    assert read["original"] == right["original"] == 1.0
    assert read["blur"] > 0.7 and right["blur"] > 0.9
    assert read["mask"] == 0.0 and right["mask"] < 0.1
    masked = {"exact_lines": read["mask"], "characters": right["mask"]}
    assert (table["control"] == table["measure"].map(masked)).all()
    chance = table.set_index("measure")["chance"]
    # all begin with the same word, which any guess has right
    assert (chance["exact_lines"] == 0.0).all() and (chance["characters"] > 0.5).all()
    # what cannot be read in the original is no probe
    reading, blank = Readability().load(EQUIPMENT), np.full((60, 200, 3), 255, np.uint8)
    (nothing,) = reading.look(blank, [whole(blank, Entity.TEXT)], Variant())
    assert reading.shares(nothing, nothing) == {}


@given(texts.filter(bool), texts)
def test_the_share_of_right_characters_is_one_less_the_error_rate(true: str, read: str) -> None:
    share = right_characters(true, read)
    assert 0.0 <= share <= 1.0
    assert right_characters(true, true) == 1.0 and right_characters(true, "") == 0.0
    assert (share == 1.0) == (true == read)
    if len(read) <= len(true):  # an edit less or more
        assert abs(right_characters(true, read + true[-1:]) - share) <= 1 / len(true) + 1e-12
    assert right_characters("kitten", "sitting") == pytest.approx(0.5)
    assert right_characters("abcd", "abXd") == pytest.approx(0.75)


def test_codes_are_decoded_until_they_are_masked_also_if_a_part_is_hidden() -> None:
    code = qr("the way to the archive", scale=4, ec_level="H")
    side = len(code)
    partly, mostly = code.copy(), code.copy()
    partly[side // 2 : int(0.7 * side), side // 2 : int(0.7 * side)] = 0
    mostly[int(0.3 * side) :, int(0.2 * side) :] = 0
    assert decoded(code) == decoded(partly) == {b"the way to the archive"}
    assert decoded(mostly) == set()
    weak = Anonymization.model_validate({"blur": {"sigma": {"barcode": 0.01}}})
    table = attack(published(codes(8), [BLUR, MASK], hiding=weak), "barcodes", hiding=weak)
    assert list(table.columns) == COLUMNS
    assert rates(table, "decoded") == {"original": 1.0, "blur": 1.0, "mask": 0.0}
    same = table[["control", "chance", "n", "clusters", "risk", "reason"]].drop_duplicates()
    assert same.to_numpy().tolist() == [[0.0, 0.0, 8, 8, "singling_out", ""]]
    assert (table["low"] <= table["rate"]).all() and (table["rate"] <= table["high"]).all()


def test_too_few_images_and_no_known_truth_give_a_reason_and_no_number(tmp_path: Path) -> None:
    table = attack(published(codes(3), [MASK]), "barcodes", "readability", "linkage")
    assert table["rate"].isna().all()
    why = table.drop_duplicates("attack").set_index("attack")["reason"]
    assert why["barcodes"].startswith("3 clusters")
    assert (why["readability"], why["linkage"]) == (NO_REGION, run.NO_VECTORS)
    write_csv(table, tmp_path / "attacks.csv")
    pd.testing.assert_frame_equal(read_attacks(tmp_path / "attacks.csv"), table)
    images = {f"{n:02d}": np.full((90, 90), 255, np.uint8) for n in range(9)}
    (row,) = attack(published(images, [MASK]), "barcodes").to_dict("records")
    assert np.isnan(row["rate"]) and (row["reason"], row["n"]) == (NO_TRUTH, 9)


def test_a_kind_of_region_that_only_train_images_show_is_not_nothing_to_attack() -> None:
    """Train images are published, too."""
    images = {f"{n:02d}": np.full((90, 90), 255, np.uint8) for n in range(9)}
    regions = {name: [whole(image, Entity.TEXT)] for name, image in images.items()}
    more = {"t": [whole(images["00"], each) for each in (Entity.BARCODE, Entity.FACE)]}
    shown = published(images, [MASK], regions | more, train={"t": images["00"]})
    table = attack(shown, "barcodes", "likeness", "mrz_reading")
    lacks = table[table["rate"].isna() & ~table["measure"].str.startswith("learned_")]
    assert set(lacks[["attack", "entity", "reason"]].itertuples(index=False, name=None)) == {
        ("barcodes", "barcode", ONLY_TRAIN),
        ("likeness", "barcode", ONLY_TRAIN),
        ("likeness", "face", ONLY_TRAIN),
        ("mrz_reading", "", NO_REGION),
    }
    assert ONLY_TRAIN not in NOTHING_TO_ATTACK


class Looker:
    def look(self, image: np.ndarray, regions: Sequence[Region], variant: Variant) -> list[Any]:
        return [image[int(r.y0) : int(r.y1), int(r.x0) : int(r.x1)].mean() for r in regions]

    def shares(self, truth: float, found: float) -> dict[str, float]:
        return {"equal": float(truth == found)}


class Brightness(RegionAttack):
    name: ClassVar = "brightness"
    label: ClassVar = "Brightness"
    risk: ClassVar = Risk.SINGLING_OUT

    images: int = 6

    def most_images(self) -> int:
        return self.images


def test_an_attack_looks_at_no_more_images_than_it_asks_for() -> None:
    images = {f"{n:02d}": np.full((40, 40), n, np.uint8) for n in range(1, 12)}
    box = [Region(Entity.FACE, 4, 4, 20, 20, 1.0), Region(Entity.TEXT, 20, 20, 36, 36, 1.0)]
    shown = published(images, [MASK], dict.fromkeys(images, box))

    def outcomes(kind: Brightness) -> dict[tuple[str, str], np.ndarray]:
        found = attack_regions([(kind, Looker())], shown, Anonymization(), most=8, seed=1)
        return {(str(o.entity), str(o.variant)): o.shares for _, o in found}

    few, many = outcomes(Brightness()), outcomes(Brightness(images=100))
    for found, size in ((few, 6), (many, 8)):
        assert {len(shares) for shares in found.values()} == {size}
    assert all(shares.all() for (_, name), shares in many.items() if name == "original")
    assert not any(shares.any() for (_, name), shares in many.items() if name == "None")


def test_a_rare_kind_of_region_is_attacked_beside_a_frequent_one() -> None:
    """Else nothing would be known of it, and nothing would say so."""
    images = {f"{n:02d}": np.full((40, 40), n, np.uint8) for n in range(1, 40)}
    face, code = (Region(e, 4, 4, 20, 20, 1.0) for e in (Entity.FACE, Entity.BARCODE))
    shown = published(images, [MASK], {n: [face if n > "03" else code] for n in images})
    found = attack_regions([(Brightness(), Looker())], shown, Anonymization(), most=30, seed=1)
    probes = {str(outcome.entity): len(outcome.shares) for _, outcome in found}
    assert probes == {"face": 6, "barcode": 3}


def test_regions_are_drawn_from_as_many_images_as_possible() -> None:
    box = Region(Entity.TEXT, 0, 0, 9, 9, 1.0)
    face = Region(Entity.FACE, 0, 0, 9, 9, 1.0)
    boxes = box_table({"a": [box] * 5, "b": [box, face], "c": [box] * 2, "d": [box]}, seed=0)
    drawn = draw(boxes, ["a", "b", "c"], most=4, seed=3)
    lines = drawn[drawn["entity"] == "text"]
    assert lines.groupby("id").size().to_dict().keys() == {"a", "b", "c"}
    assert len(lines) == 4 and (drawn["entity"] == "face").sum() == 1
    again = draw(boxes.sample(frac=1, random_state=1), ["c", "b", "a"], most=4, seed=3)
    pd.testing.assert_frame_equal(drawn, again)


def test_a_detector_still_finds_what_is_in_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(residual, "OTHERS", ())
    table = attack(published(codes(8), [MASK]), "residual", detectors=["zxing"])
    assert rates(table, "found") == {"original": 1.0, "mask": 0.0}
    assert set(table["measure"]) == {"found"}
    with pytest.raises(AttackNotPossibleError):
        Residual().load(EQUIPMENT)


@pytest.mark.parametrize("failing", [2, 8])
def test_a_detector_that_fails_on_a_copy_did_not_find_nothing(
    monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    images = codes(8)
    shown, left = published(images, [MASK]), [None] * failing

    class Failing:
        def detect(self, given: Sequence[np.ndarray]) -> list[list[Region]]:
            is_copy = not any(np.array_equal(given[0], image) for image in images.values())
            if is_copy and left:
                left.pop()
                raise UnreadableImage("gave numbers that are not finite")
            return [[whole(given[0])]]

    monkeypatch.setattr(residual, "OTHERS", ())
    monkeypatch.setattr("anonbench.detection.search.build_all", lambda *_: {"zxing": Failing()})
    row = attack(shown, "residual", detectors=["zxing"]).set_index("method").loc["mask"]
    assert row["n"] == 8 - failing and row["rate"] != 0.0
    assert row["reason"].startswith(f"{8 - failing} clusters")


def test_tighter_and_wider_detections_match() -> None:
    region, tighter, wider, beside, apart = (
        Region(Entity.FACE, *map(float, box), 1.0)
        for box in (
            *((0, 0, 100, 100), (20, 20, 80, 80), (-20, -20, 120, 120)),
            *((60, 0, 160, 100), (100, 0, 200, 100)),
        )
    )
    assert residual.lies_on(region, tighter) and residual.lies_on(region, wider)
    assert not residual.lies_on(region, beside) and not residual.lies_on(region, apart)


def test_fields_of_a_zone_count_by_their_check_digits() -> None:
    zones = MrzReading().load(EQUIPMENT).shares
    measures = ("characters", "exact_lines", "exact_fields", "decoded")
    first, second = true = tuple(SPECIMENS["TD3"])
    assert zones(true, true) == dict.fromkeys(measures, 1.0)
    # letters in places of digits, and miscounted fillers, are mended; another name is not
    seen = (first.replace("MARIA<<<", "MARLA<"), second.replace("7408122", "74O8I22"))
    characters, *others = (zones(true, seen)[measure] for measure in measures)
    assert others == [0.5, 1.0, 0.0] and 0.9 < characters < 1.0
    assert zones(true, ("", ""))["characters"] < 0.1
    # a wrong check digit: no truth
    assert zones((first, second.replace("7408122", "7408123")), true) == {}


def test_recognizer_is_loaded_only_for_its_entities(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Readability, "load", lambda *_: pytest.fail("no such region is there"))
    table = attack(published(codes(8), [MASK]), "readability", "barcodes")
    assert rates(table, "decoded")["original"] == 1.0
    assert Barcodes().entities == (Entity.BARCODE,)
