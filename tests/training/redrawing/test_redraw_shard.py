"""Image sets whose hidden regions are drawn anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.torch import save_file
from small_portraits import MASK, REGION, Portraits, portrait

from anonbench.anonymization.checked import anonymize
from anonbench.config import Anonymization
from anonbench.core.boxes import box_table
from anonbench.core.errors import InputError
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training import redrawing_network as module
from anonbench.training.redrawing_network import load_redrawer, redraw_shard
from image_sets import write_set

HIDDEN = np.zeros((48, 60), bool)
HIDDEN[8:40, 10:38] = True


@pytest.fixture(scope="session")
def network(portraits: Portraits, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return portraits.train(tmp_path_factory.mktemp("network"))


def redrawn(folder: Path, pictures: dict[str, np.ndarray], network: Path) -> ImageSet:
    """Return pictures with what `REGION` hides drawn anew."""
    write_set(folder / "hidden.tar", pictures)
    boxes = box_table({name: [REGION] for name in pictures}, 0)
    asked = boxes, MASK, Anonymization(), network
    redraw_shard(folder / "hidden.tar", *asked, folder / "drawn.tar")
    return ImageSet.open([folder / "drawn.tar"])


def test_hidden_pixels_are_drawn_from_what_is_around_and_no_others(
    network: Path, tmp_path: Path
) -> None:
    pictures = {name: anonymize(portrait(name), [REGION], MASK) for name in "ab"}
    pictures["grey"] = anonymize(portrait("a")[..., 0].copy(), [REGION], MASK)
    images = redrawn(tmp_path, pictures, network)
    drawn = {name: images.read(name) for name in pictures}
    for name in "ab":
        assert np.array_equal((drawn[name] != pictures[name]).any(axis=2), HIDDEN)
    assert not np.array_equal(drawn["a"][HIDDEN], drawn["b"][HIDDEN])
    as_colour = np.repeat(pictures["grey"][..., None], 3, axis=2)
    assert np.array_equal(drawn["grey"][~HIDDEN], as_colour[~HIDDEN])


def test_nothing_of_the_original_is_in_it(network: Path, tmp_path: Path) -> None:
    """Originals that differ where they are hidden have the same picture, byte for byte."""
    one = portrait("a")
    other = one.copy()
    other[HIDDEN] = portrait("b")[HIDDEN]
    files = []
    for name, original in (("one", one), ("other", other)):
        masked = {"a": anonymize(original, [REGION], MASK)}
        redrawn(tmp_path / name, masked, network)
        files.append((tmp_path / name / "drawn.tar").read_bytes())
    assert files[0] == files[1]


def test_only_what_the_model_sees_is_drawn(portraits: Portraits, tmp_path: Path) -> None:
    """The model sees the centre of an image; hidden pixels beside it stay hidden."""
    network = load_redrawer(portraits.train(tmp_path))
    crop = type(network.preprocess)(network.preprocess.side, "per_crop", "crop")
    image = anonymize(portrait("a"), [REGION], MASK)
    hidden = np.ones((48, 60), bool)
    drawn = module.redrawn(image, hidden, type(network)(network.network, crop))
    changed = (drawn != image).any(axis=2)
    assert changed[24, 30]
    assert not changed[:, :8].any() and not changed[:, -8:].any() and not changed[:2].any()


@pytest.mark.parametrize("margin", [1.0, 1.3])
def test_a_change_anywhere_else_is_refused(
    margin: float,
    network: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = module.redrawn

    def spread(*arguments: Any) -> np.ndarray:
        drawn = real(*arguments)
        drawn[7, 20] ^= 1
        return drawn

    monkeypatch.setattr(module, "redrawn", spread)
    write_set(tmp_path / "hidden.tar", {"a": portrait("a")})
    asked = box_table({"a": [REGION]}, 0), MASK, Anonymization(margin=margin), network
    if margin > 1:  # the pixel belongs to the region
        redraw_shard(tmp_path / "hidden.tar", *asked, tmp_path / "drawn.tar")
        return
    with pytest.raises(InputError, match="'a' of mask-100, redrawn: 1 pixels outside"):
        redraw_shard(tmp_path / "hidden.tar", *asked, tmp_path / "drawn.tar")
    assert not (tmp_path / "drawn.tar").exists()


def test_other_files_are_no_networks(portraits: Portraits, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no weights")
    save_file({}, tmp_path / "other")
    for path in (portraits.backbone, tmp_path / "text", tmp_path / "other", tmp_path / "none"):
        with pytest.raises(InputError, match="not a network that redraws regions"):
            load_redrawer(path)
