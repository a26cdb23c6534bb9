"""Image sets of small portraits, and an untrained model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from small_portraits import MASK, REGION, Portraits, portrait

from anonbench.anonymization.checked import anonymize
from anonbench.config import Recipe
from anonbench.core.boxes import box_table
from anonbench.training.model.network import Network
from anonbench.training.weights import save_backbone
from image_sets import write_set


@pytest.fixture(scope="session")
def portraits(
    tmp_path_factory: pytest.TempPathFactory,
    recipe: Callable[..., Recipe],
) -> Portraits:
    folder, small = (
        tmp_path_factory.mktemp("portraits"),
        recipe(resize="squash", crops={"normalize": "imagenet"}),
    )
    parts: list[dict[str, Any]] = [{}, {}, {}, {}]
    for split, count in (("train", 16), ("val", 16)):
        ids = [f"{split}{number:02d}" for number in range(count)]
        clear = {image_id: portrait(image_id) for image_id in ids}
        masked = {name: anonymize(image, [REGION], MASK) for name, image in clear.items()}
        tar = folder / "hidden" / f"{split}.tar"
        boxes = box_table({image_id: [REGION] for image_id in ids}, 0)
        made = write_set(folder / "clear" / f"{split}.tar", clear), write_set(tar, masked)
        for part, value in zip(parts, (*made, tar, boxes), strict=True):
            part[split] = value
    backbone = folder / "backbone.safetensors"
    save_backbone(Network(small, seed=0).state_dict(), small, backbone, {"seed": 0})
    return Portraits(*parts, backbone, small)
