from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.anonymization.apply import anonymize
from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.numeric.seeding import rng
from anonbench.core.vocabulary import Entity, Method, Variant
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode
from anonbench.evaluation.privacy.crops import Cut, crop, read_crops

SLANTED = Region(Entity.TEXT, 10, 10, 50, 40, 0.9, (10, 20, 48, 10, 50, 28, 12, 40))
UPRIGHT = Region(Entity.FACE, 5.5, 5, 20, 25, 0.9)


def picture(name: str) -> np.ndarray:
    return rng("crop", name).integers(0, 256, (60, 70, 3), dtype=np.uint8)


def test_nothing_outside_a_region_is_seen() -> None:
    image, other = picture("a"), picture("b")
    hidden = [
        anonymize(each, [SLANTED], Variant(Method.MASK, 100), Anonymization())
        for each in (image, other)
    ]
    assert not (crop(hidden[0], SLANTED, 1.0)).any()
    np.testing.assert_array_equal(*(crop(each, SLANTED, 1.0) for each in hidden))
    assert not np.array_equal(crop(image, SLANTED, 1.0), crop(other, SLANTED, 1.0))


def test_an_upright_region_is_its_pixels() -> None:
    image = picture("a")
    np.testing.assert_array_equal(crop(image, UPRIGHT, 1.0), image[5:25, 5:20])
    np.testing.assert_array_equal(crop(image[..., 0], UPRIGHT, 1.0), image[5:25, 5:20, 0])


def test_a_margin_shows_the_surroundings() -> None:
    image = picture("a")
    wider = crop(image, SLANTED, 1.5)
    assert wider.shape[0] > 30 and wider.shape[1] > 40
    hidden = anonymize(image, [SLANTED], Variant(Method.MASK, 100), Anonymization())
    assert crop(hidden, SLANTED, 1.5).any()


def test_a_box_outside_its_image_is_empty() -> None:
    assert crop(picture("a"), Region(Entity.FACE, 200, 5, 220, 25, 0.9), 1.0).shape == (1, 1, 3)


def test_crops_come_in_the_order_asked_for_and_in_every_size(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "0.tar") as shard:
        for name in ("a", "b"):
            image = picture(name) if name == "a" else picture(name)[..., 0]
            shard.add(name, encode(image), "png", 70, 60)
    images = ImageSet.open([tmp_path / "0.tar"])
    regions = {name: [SLANTED, UPRIGHT] for name in ("a", "b")}
    wanted = pd.DataFrame({"id": ["b", "a", "a"], "order": [1, 0, 1], "margin": [1.0, 1.0, 2.0]})
    wanted["context"] = 0.0
    found = read_crops(images, regions, wanted, [Cut(16), Cut(24)])
    assert {cut: values.shape for cut, values in found.items()} == {
        Cut(side): (3, side, side, 3) for side in (16, 24)
    }
    grey = found[Cut(16)][0]
    assert (grey == grey[..., :1]).all()
    assert abs(grey.mean() - picture("b")[5:25, 5:20, 0].mean()) < 5
    assert abs(found[Cut(24)][2].mean() - crop(picture("a"), UPRIGHT, 2.0).mean()) < 5
