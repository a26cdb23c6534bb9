"""Dictionary attack and pairing by what no region covers, with planted truths."""

import re
from collections.abc import Callable, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_attacks_on_regions import Drawn

from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization, Detection
from anonbench.core.boxes import Region
from anonbench.core.icao9303 import TD1, TD3, Format, wrong_checks
from anonbench.core.libraries.opencv import cv2
from anonbench.core.registries.attacks import Equipment
from anonbench.core.vocabulary import Entity, Variant
from anonbench.datasets.images import decode, encode
from anonbench.evaluation.privacy.attacks.files import other_pictures
from anonbench.evaluation.privacy.attacks.kinds import dictionary
from anonbench.evaluation.privacy.attacks.kinds.reading import Readability
from anonbench.evaluation.privacy.attacks.typesetting import Setting, set_in, strips
from icao_specimens import SPECIMENS

CARD, PASSPORT, LONG_NUMBER = (
    tuple(SPECIMENS[name]) for name in ("TD1", "TD3", "TD1, long number")
)
CHARACTERS = "ABCXYZabcxyz0123456789 .,:-/#"


def classes(text: str) -> str:
    return re.sub("[A-Z]", "A", re.sub("[a-z]", "a", re.sub("[0-9]", "0", text)))


@given(st.text(CHARACTERS, min_size=6, max_size=20), st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_candidates_are_of_the_kind_of_the_true_text(text: str, seed: int) -> None:
    found = dictionary.texts_like(text, 30, np.random.default_rng(seed))
    assert found[0] == text and len(set(found)) == len(found) <= 30
    assert {classes(each) for each in found} == {classes(text)}


@given(st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_candidates_of_a_date_are_dates(seed: int) -> None:
    for text in ("Date: 31/12/2018", "12-31-18", "1.2.1999"):
        for each in dictionary.texts_like(text, 9, np.random.default_rng(seed)):
            first, second, year = map(int, re.findall(r"\d+", each))
            assert 1 <= min(first, second) <= 12 and max(first, second) <= 31
            assert year < 100 or year // 100 == int(re.findall(r"\d+", text)[2][:2])


def test_a_short_text_has_few_candidates() -> None:
    assert len(dictionary.texts_like("a7", 60, np.random.default_rng(0))) == 50


@pytest.mark.parametrize(("lines", "layout"), [(CARD, TD1), (PASSPORT, TD3), (LONG_NUMBER, TD1)])
def test_zone_candidates_have_right_check_digits(lines: tuple[str, ...], layout: Format) -> None:
    assert not wrong_checks(lines, layout)
    found = dictionary.zones_like(lines, layout, 50, np.random.default_rng(0))
    assert found[0] == lines and len(set(found)) == 50
    for zone in found:
        assert not wrong_checks(zone, layout) and zone[0][:5] == lines[0][:5]
        fillers = [[[c == "<" for c in line] for line in each] for each in (zone, lines)]
        assert fillers[0] == fillers[1]


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.integers(0, 99))
@settings(deadline=None, max_examples=20)
def test_ties_count_as_the_mean_over_their_orders(scores: list[int], seed: int) -> None:
    found = dictionary.ranked(np.array(scores, float))
    noise = np.random.default_rng(seed).uniform(0, 0.5, (200, len(scores)))
    drawn = [dictionary.ranked(np.array(scores) + row) for row in noise]
    for measure, share in found.items():
        assert abs(np.mean([each[measure] for each in drawn]) - share) < 0.15
    first = max(scores) == scores[0] and scores.count(scores[0]) == 1
    assert (found["reciprocal_rank"] == 1.0) == first == (found["top_1"] == 1.0)
    equal = dictionary.ranked(np.zeros(len(scores)))
    assert equal["top_1"] == pytest.approx(1 / len(scores))


def test_no_line_is_wider_or_higher_than_another() -> None:
    drawn = strips(("iiii", "WWWW", "gggg"), "DejaVuSans", 30)
    assert len({len(each) for each in drawn}) == 1
    for each in drawn:
        ink = set_in([each], (30, 200), Setting("DejaVuSans", 0.1, 0.1, 0.1)).max(axis=0) > 25
        assert ink[:6].any() and ink[194:].any()


def page(text: str) -> tuple[np.ndarray, Region]:
    """Return a line of type on paper, and where it is."""
    (ink,) = strips((text,), "STIXGeneral", 30)
    ink = set_in([ink], (32, 14 * len(text)), Setting("STIXGeneral", 0.1, 0.1, 0.1))
    image = np.full((60, ink.shape[1] + 40), 235, np.uint8)
    image[14:46, 20:-20] = np.rint(235 - 0.8 * ink)
    return image, Region(Entity.TEXT, 20, 14, 20 + ink.shape[1], 46, 1.0)


WEAK = Anonymization.model_validate(
    {"blur": {"sigma": {"text": 0.15}}, "pixelate": {"blocks": {"text": 6}}}
)


def attacked(
    text: str,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    methods: Sequence[str | None] = ("blur", "pixelate", "mask", None),
) -> dict[str, float]:
    """Return the share of first places of a text by method, where another one may be hidden."""
    image, region = page(text)
    other, _ = page(shown)
    texts: dict[bytes, str] = {}

    def read(image: np.ndarray, *_: Any) -> list[Any]:
        return [SimpleNamespace(text=texts[image.tobytes()], confidence=1.0)]

    monkeypatch.setattr(Readability, "load", lambda *_: SimpleNamespace(look=read))
    loaded = dictionary.Dictionary(candidates=20, tries=3).load(Equipment(Detection(), WEAK))
    found = {}
    for method in methods:
        (truth,) = loaded.look(image, [region], Variant())
        texts[truth.pixels.tobytes()] = text
        variant = Variant(method, 100) if method else Variant()
        hidden = anonymize(other[:, : image.shape[1]], [region], variant, WEAK)
        (seen,) = loaded.look(hidden, [region], variant)
        found[method or "original"] = loaded.shares(truth, seen)["top_1"]
    return found


def test_weakly_hidden_text_ranks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    found = attacked("Total 1308.55", "Total 1308.55", monkeypatch)
    assert found == {"blur": 1.0, "pixelate": 1.0, "mask": 0.05, "original": 1.0}


def test_a_text_that_is_not_there_does_not_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["40718823", "96143057", "28250916", "73369481", "15902674"]
    rates = [attacked(a, b, monkeypatch, ["blur"])["blur"] for a, b in pairwise(texts)]
    assert np.mean(rates) < 0.6


HEIGHT, WIDTH = 160, 200
BOX = (60, 50, 130, 110)


def photo(seed: int) -> np.ndarray:
    coarse = np.random.default_rng(seed).integers(0, 256, (16, 20, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC))


ORIGINALS = Drawn({f"{number}": photo(number) for number in range(8)})
SHIFTED = Drawn({name: ORIGINALS[f"{(int(name) + 1) % 8}"] for name in ORIGINALS})
FACE = Region(Entity.FACE, *map(float, BOX), 1.0)
REGIONS = {name: [FACE] for name in ORIGINALS}


def hidden(image: np.ndarray, more: int = 0) -> np.ndarray:
    x0, y0, x1, y1 = BOX
    copy = image.copy()
    copy[max(0, y0 - more) : y1 + more, max(0, x0 - more) : x1 + more] = 0
    return copy


def blurred(image: np.ndarray) -> np.ndarray:
    copy = image.copy()
    part = copy[BOX[1] : BOX[3], BOX[0] : BOX[2]]
    part[:] = cv2.GaussianBlur(part, (0, 0), 12)
    return copy


@pytest.mark.parametrize(
    "change",
    [
        hidden,
        blurred,
        lambda image: hidden(image, more=40),
        lambda image: decode(encode(hidden(image), "jpeg")),
        lambda image: hidden(image) // 2,
        lambda image: cv2.cvtColor(hidden(image), cv2.COLOR_RGB2GRAY),
        lambda image: cv2.GaussianBlur(image, (0, 0), 6),
    ],
    ids=["mask", "blur", "more is hidden", "jpeg", "dark", "grey", "blurred all over"],
)
def test_copies_of_the_right_image_are_known(change: Callable[[np.ndarray], np.ndarray]) -> None:
    copies = Drawn({name: change(image) for name, image in ORIGINALS.items()})
    assert other_pictures(ORIGINALS, copies, REGIONS) == []
    wrong = Drawn({name: change(image) for name, image in SHIFTED.items()})
    assert len(other_pictures(ORIGINALS, wrong, REGIONS)) > len(ORIGINALS) / 2


def test_nothing_is_said_where_regions_leave_nothing_or_of_an_image_that_is_there_twice() -> None:
    everywhere = [Region(Entity.FACE, 2.0, 2.0, WIDTH - 2.0, HEIGHT - 2.0, 1.0)]
    masked = Drawn({name: np.zeros_like(image) for name, image in ORIGINALS.items()})
    for regions in (REGIONS, dict.fromkeys(ORIGINALS, everywhere)):
        assert other_pictures(ORIGINALS, masked, regions) == []
    pixelated = Drawn({name: cv2.blur(image, (99, 99)) for name, image in SHIFTED.items()})
    assert other_pictures(ORIGINALS, pixelated, dict.fromkeys(ORIGINALS, everywhere)) == []
    # but what is not hidden at all is seen to be another original
    assert other_pictures(ORIGINALS, SHIFTED, dict.fromkeys(ORIGINALS, everywhere)) == sorted(
        ORIGINALS
    )
    assert other_pictures(ORIGINALS, ORIGINALS, {}) == []
    # it has two right copies
    twice = Drawn(ORIGINALS | {"1": ORIGINALS["0"]})
    swapped = Drawn(twice | {"0": twice["1"], "1": twice["0"]})
    assert other_pictures(twice, swapped, REGIONS) == []
