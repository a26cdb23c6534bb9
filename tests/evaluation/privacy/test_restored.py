"""Attacks through a restorer: what it is shown, of whom it learns, and that it stays at chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from anonbench.anonymization.apply import anonymize
from anonbench.config import Anonymization, Privacy
from anonbench.core.boxes import Region, box_table
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity, Variant
from anonbench.evaluation.privacy.attackers import unit
from anonbench.evaluation.privacy.attacks.restorer import LearnedRestorers
from anonbench.evaluation.privacy.gallery import Gallery, draw_galleries
from anonbench.evaluation.privacy.kinds import Restored
from anonbench.evaluation.privacy.lessons import Lessons
from anonbench.evaluation.privacy.train_images import RestoredOnRead, TrainImages

PIXELATE, KIND = Variant("pixelate", 100), Restored(regions=60)
FACE, LINE = Region(Entity.FACE, 4, 4, 28, 28, 1.0), Region(Entity.TEXT, 4, 32, 60, 42, 1.0)
TRAIN = {f"t{number:03d}": f"pupil {number // 2}" for number in range(220)}
SHOWN = {f"v{number:03d}": f"person {number // 2}" for number in range(20)}
BOXES = box_table({name: [FACE, LINE] for name in TRAIN | SHOWN}, seed=0)


class Drawn:
    """Images in memory by id, which note who was read."""

    def __init__(self, people: Mapping[str, str]) -> None:
        self._people = people
        self.read_ids: set[str] = set()

    @property
    def ids(self) -> list[str]:
        """The ids, sorted."""
        return sorted(self._people)

    def read(self, image_id: str) -> np.ndarray:
        """Return a grey page with a colour of the person's own as a face, above black dots."""
        self.read_ids.add(image_id)
        image = np.full((48, 64, 3), 128, np.uint8)
        image[4:28, 4:28] = rng("colour", self._people[image_id]).integers(0, 256, 3)
        image[32:42, 4:60:2] = 0
        return image


class White:
    """A restorer of texts, which makes them white."""

    def lack(self, entity: str) -> str:
        """See `Restorers.lack`."""
        return "" if entity == Entity.TEXT else "only texts"

    def restored(self, image: np.ndarray, region: Region, variant: Variant) -> np.ndarray:
        """See `Restorers.restored`."""
        found = image.copy()
        found[int(region.y0) : int(region.y1), int(region.x0) : int(region.x1)] = 255
        return found


class Mean:
    """An attacker that compares mean colours."""

    side = 16

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """See `Attacker.embed`."""
        return unit(crops.mean(axis=(1, 2)) + 1.0)


@pytest.mark.parametrize(("degree", "white"), [(25, 1), (50, 2), (100, 3)])
def test_hidden_regions_that_are_looked_at_are_restored(degree: int, white: int) -> None:
    lines = [Region(Entity.TEXT, 0, 10 * row, 60, 10 * row + 8, 1.0) for row in range(4)]
    images = Drawn({"a": "somebody"})
    wanted = pd.DataFrame({"id": "a", "order": [0, 1, 3]})
    shown = RestoredOnRead(images, {"a": lines}, Variant("mask", degree), White(), wanted)
    changed = (shown.read("a") != images.read("a")).any(axis=2)
    rows = [bool(changed[int(line.y0)].any()) for line in lines]
    assert rows == [place in [0, 1, 3][:white] for place in range(4)]
    assert not changed[8:10].any()


def test_an_entity_that_nobody_restores_is_shown_as_it_is() -> None:
    images, wanted = Drawn({"a": "somebody"}), pd.DataFrame({"id": ["a"], "order": [0]})
    shown = RestoredOnRead(images, {"a": [FACE]}, PIXELATE, White(), wanted)
    np.testing.assert_array_equal(shown.read("a"), images.read("a"))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Limit BLAS as the attack does."""
    with threadpool_limits(1, user_api="blas"):
        yield


def faces() -> Gallery:
    (gallery, _), _ = draw_galleries(BOXES, SHOWN, SHOWN, (), Privacy(), seed=0)
    assert gallery.entity is Entity.FACE
    return gallery


def lessons(train: Drawn) -> Lessons:
    pairs = TrainImages(train, Anonymization())
    return Lessons(pairs, BOXES, TRAIN | SHOWN, SHOWN, Privacy(), seed=0)


@pytest.mark.slow
def test_the_restorer_and_the_attacker_learn_from_different_persons() -> None:
    train, kind = Drawn(TRAIN), KIND
    taught = lessons(train)
    restorers = taught.restorers(kind)
    assert restorers is not None
    hidden = anonymize(train.read("t000"), [FACE], PIXELATE, Anonymization())
    train.read_ids.clear()
    restorers.restored(hidden, FACE, PIXELATE)
    of_restorer = {TRAIN[name] for name in train.read_ids}
    train.read_ids.clear()
    learned = taught.of(kind, "pixelate", faces(), {"naive": Mean()})
    of_attacker = {TRAIN[name] for name in train.read_ids}
    assert not isinstance(learned, str) and set(learned) == {False, True}
    assert len(of_restorer) >= 10 and len(of_attacker) >= 25
    assert not of_restorer & of_attacker


def test_few_train_images_give_no_restorer_and_say_so() -> None:
    few = {name: who for name, who in TRAIN.items() if name < "t080"}
    found = lessons(Drawn(few)).of(KIND, "pixelate", faces(), {"naive": Mean()})
    assert isinstance(found, str) and found.startswith("no restorer was learned: ")


def test_regions_of_originals_are_never_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of originals the attacker is the supervised one, so that a ceiling stands beside it."""
    taught, asked = lessons(Drawn(TRAIN)), list[str]()

    def restored(self: object, image: np.ndarray, region: Region, variant: Variant) -> np.ndarray:
        asked.append(str(variant))
        return image

    monkeypatch.setattr(LearnedRestorers, "restored", restored)
    for method in ("original", "pixelate"):
        found = taught.of(KIND, method, faces(), {"naive": Mean()})
        assert not isinstance(found, str) and bool(asked) == (method == "pixelate")
