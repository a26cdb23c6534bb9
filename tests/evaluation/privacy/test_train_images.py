"""Train images are decoded and hidden once, as far as they fit into memory."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from anonbench.config import Anonymization
from anonbench.core.boxes import Region
from anonbench.core.vocabulary import Entity
from anonbench.evaluation.privacy import train_images
from anonbench.evaluation.privacy.train_images import (
    HiddenOnRead,
    KeptImages,
)


class _Counted:
    """Three images, and how often each was read."""

    ids = ("a", "b", "c")

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()

    def read(self, image_id: str) -> np.ndarray:
        self.reads[image_id] += 1
        return np.full((8, 8), ord(image_id), np.uint8)


def test_an_image_is_read_once_while_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_images, "KEPT_BYTES", 2 * 64)
    images = _Counted()
    kept = KeptImages(images)
    for image_id in ("a", "b", "c", "a", "b", "c"):
        assert kept.read(image_id)[0, 0] == ord(image_id)
    assert images.reads == {"a": 1, "b": 1, "c": 2}
    with pytest.raises(ValueError, match="read-only"):
        kept.read("a")[0, 0] = 0


def test_images_are_hidden_by_their_regions() -> None:
    regions = {"a": [Region(Entity.TEXT, 1, 1, 6, 6, 1.0)]}
    hidden = HiddenOnRead(_Counted(), Anonymization(), regions, "mask").read("a")
    assert hidden[3, 3] == 0
    assert hidden[0, 0] == ord("a")
