"""Batches: the same stream for every adaption, number of workers and restart."""

import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anonbench.config.training import Recipe
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Adaption
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.data.batch import Batch
from anonbench.training.data.paired_dataset import (
    BatchStream,
    Scratch,
    Sources,
    check_pairs,
    open_sources,
    shrink,
    sufficient_side,
)
from image_sets import write_set

Make = Callable[..., Recipe]


def _batches(
    recipe: Recipe,
    original: ImageSet,
    anonymized: ImageSet | None = None,
    adaption: Adaption = Adaption.UNADAPTED,
    seed: int = 0,
) -> list[Batch]:
    with open_sources(recipe, adaption, original, anonymized) as sources:
        stream = BatchStream(original.ids, sources, recipe, 4, seed)
        return [stream[step][0] for step in range(len(stream))]


def _assert_equal(first: Batch, second: Batch, but: tuple[str, ...] = ()) -> None:
    for name, value in vars(first).items():
        other = getattr(second, name)
        if name in but:
            continue
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, other), name
        elif name.endswith("augmentations"):
            for part in vars(value):
                np.testing.assert_array_equal(getattr(value, part), getattr(other, part))
        else:
            assert value == other, name


def test_paired_crops(recipe: Make, original: ImageSet, anonymized: ImageSet) -> None:
    made = recipe(crops={"solarize": 0.5, "blur": [1.0, 0.1, 0.5]})
    with open_sources(made, Adaption.D, original, anonymized) as sources:
        (batch,) = BatchStream(original.ids, sources, made, 4, 0, is_paired=True)[0]
    with open_sources(made, Adaption.UNADAPTED, original, None) as sources:
        (plain,) = BatchStream(original.ids, sources, made, 4, 0)[0]
    assert torch.equal(batch.local_crops, plain.global_crops)
    hidden = (batch.global_crops != batch.local_crops).any(dim=-1)
    assert 0 < hidden.float().mean() < 0.6
    for part, value in vars(batch.global_augmentations).items():
        np.testing.assert_array_equal(value, getattr(batch.local_augmentations, part))


def test_adaptions_by_version(recipe: Make, original: ImageSet, anonymized: ImageSet) -> None:
    streams = {each: _batches(recipe(), original, anonymized, each) for each in Adaption}
    crops = ("global_crops", "local_crops")
    for step in range(8):
        of = {adaption: streams[adaption][step] for adaption in Adaption}
        for adaption in Adaption:  # all but the pixels is the same
            _assert_equal(of[Adaption.UNADAPTED], of[adaption], but=crops)
        plain, hidden = of[Adaption.UNADAPTED], of[Adaption.C]
        assert torch.equal(of[Adaption.A].global_crops, plain.global_crops)
        assert torch.equal(of[Adaption.A].local_crops, hidden.local_crops)
        assert torch.equal(of[Adaption.B].global_crops, hidden.global_crops)
        assert torch.equal(of[Adaption.B].local_crops, plain.local_crops)
        assert not torch.equal(plain.global_crops, hidden.global_crops)
        assert not torch.equal(plain.local_crops, hidden.local_crops)
        # same places: where a pixel differs, the anonymized one is darker (up to interpolation)
        assert (hidden.global_crops.int() <= plain.global_crops.int() + 40).all()


def test_epochs_show_each_image_once(recipe: Make, original: ImageSet) -> None:
    batches = _batches(recipe(), original)  # 24 images, batch 8: three steps an epoch
    epochs = [[image for batch in batches[i : i + 3] for image in batch.ids] for i in (0, 3)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == original.ids
    assert epochs[0] != epochs[1]
    places = [epoch.index(original.ids[0]) for epoch in epochs]
    views = [
        batches[3 * epoch + place // 8].global_crops[place % 8]
        for epoch, place in enumerate(places)
    ]
    assert not torch.equal(*views)
    assert _batches(recipe(), original, seed=1)[0].ids != batches[0].ids
    apart = _batches(recipe(), original)[0].global_crops
    same = _batches(recipe(crops={"shared_geometry": True}), original)[0].global_crops
    assert torch.equal(same[:8], same[8:])
    assert torch.equal(same[:8], apart[:8]) and not torch.equal(apart[:8], apart[8:])


def _joined(parts: list[Batch], crops: int) -> dict[str, np.ndarray]:
    """Put parts together: what is crop-major as [crops, images, …]."""
    joined = {"ids": np.concatenate([part.ids for part in parts])}
    for name in ("global_crops", "local_crops", "masked"):
        blocks = [getattr(part, name).numpy() for part in parts]
        counts = [len(block) // len(part.ids) for block, part in zip(blocks, parts, strict=True)]
        assert set(counts) == {crops if name == "local_crops" else 2}
        views = [
            block.reshape(count, -1, *block.shape[1:])
            for block, count in zip(blocks, counts, strict=True)
        ]
        joined[name] = np.concatenate(views, axis=1)
    for kind, count in (("global_augmentations", 2), ("local_augmentations", crops)):
        for field in vars(getattr(parts[0], kind)):
            values = [getattr(getattr(part, kind), field) for part in parts]
            views = [value.reshape(count, -1, *value.shape[1:]) for value in values]
            joined[f"{kind}.{field}"] = np.concatenate(views, axis=1)
    return joined


@pytest.mark.parametrize(("world", "accumulate"), [(8, 1), (1, 4), (2, 2)])
def test_processes_and_parts_share_the_same_batch(
    recipe: Make, original: ImageSet, anonymized: ImageSet, world: int, accumulate: int
) -> None:
    whole = _batches(recipe(), original, anonymized, Adaption.A)
    made = recipe(optimizer={"accumulate": accumulate})
    sources = Sources(original, anonymized)
    streams = [BatchStream(original.ids, sources, made, 4, 0, rank, world) for rank in range(world)]
    for step in (0, 5):
        parts = [part for stream in streams for part in stream[step]]
        assert len(parts) == world * accumulate
        assert {len(part.ids) for part in parts} == {8 // world // accumulate}
        found, expected = _joined(parts, 2), _joined([whole[step]], 2)
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            np.testing.assert_array_equal(found[name], values, err_msg=name)
    assert any(part.masked.any() for part in parts)
    masked = torch.tensor([[True, False, True, False], [False] * 4, [False, True, False, False]])
    batch = replace(parts[0], masked=masked)
    assert batch.masked_indices.tolist() == [0, 2, 9]
    assert batch.masked_weights.tolist() == [0.5, 0.5, 1.0], "one over the masked of the crop"


class Counted:
    """An image set that notes what is read from it."""

    def __init__(self, images: ImageSet) -> None:
        self.size = images.size
        self.images = images
        self.reads: list[str] = []

    def read(self, image_id: str) -> np.ndarray:
        self.reads.append(image_id)
        return self.images.read(image_id)


def test_each_file_is_read_once(recipe: Make, original: ImageSet, anonymized: ImageSet) -> None:
    same, hidden = Counted(original), Counted(anonymized)
    (batch,) = BatchStream(original.ids, Sources(same, same), recipe(), 4, 0)[0]
    assert same.reads == list(batch.ids)
    same.reads.clear()
    BatchStream(original.ids, Sources(same, hidden), recipe(), 4, 0)[0]
    assert same.reads == hidden.reads and len(same.reads) == 8
    hidden.reads.clear()
    without = recipe(crops={"local_count": 0})
    BatchStream(original.ids, Sources(same, hidden), without, 4, 0)[0]
    assert hidden.reads == []  # nobody needs the anonymized version


def test_scratch_holds_shrunk_images_in_grey_and_colour(
    recipe: Make, original: ImageSet, anonymized: ImageSet, tmp_path: Path
) -> None:
    made = recipe(scratch=True, crops={"global_size": 16, "local_size": 8})
    with open_sources(made, Adaption.A, original, anonymized) as sources:
        scratch = sources.global_crops
        assert isinstance(scratch, Scratch)
        folder = scratch.path.parent
        side = sufficient_side(made.crops)
        assert side == 27  # 16 / sqrt(0.5) at an aspect of 3:4
        for image_id in original.ids[:3]:
            expected = shrink(original.read(image_id), side)
            np.testing.assert_array_equal(scratch.read(image_id), expected)
            assert scratch.read(image_id).shape == (27, 34, 3)
            assert scratch.size(image_id) == (34, 27)
        assert len(files := list(folder.iterdir())) == 2  # two image sets
        assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()
    grey = np.arange(600, dtype=np.uint16).astype(np.uint8).reshape(20, 30)
    images = {"a": grey, "b": np.stack([grey, grey.copy(), 255 - grey], axis=2)}
    scratch = Scratch(write_set(tmp_path / "0.tar", images), tmp_path / "scratch", 64)
    for image_id, image in images.items():  # smaller than needed: kept as it is
        np.testing.assert_array_equal(scratch.read(image_id), image)
    assert (tmp_path / "scratch").stat().st_size == 600 * 4


def test_only_needed_versions_are_opened_and_small_images_told(
    recipe: Make, original: ImageSet, caplog: pytest.LogCaptureFixture
) -> None:
    with open_sources(recipe(), Adaption.UNADAPTED, original, None) as sources:
        assert sources.global_crops is sources.local_crops is original
    check_pairs(recipe(), Adaption.UNADAPTED, original, None)
    assert not caplog.records
    made = recipe(crops={"global_size": 56})
    check_pairs(made, Adaption.UNADAPTED, original, None)
    assert "24 of 24 images are smaller than a global crop of 56 pixels" in caplog.text


def test_sets_that_do_not_fit_together(
    recipe: Make, original: ImageSet, anonymized: ImageSet, tmp_path: Path
) -> None:
    images = {image_id: original.read(image_id) for image_id in original.ids}
    kept = dict(list(images.items())[1:])
    fewer = write_set(tmp_path / "fewer.tar", kept)
    with pytest.raises(InputError, match=r"1 images exist in one version only.*kind0/000"):
        check_pairs(recipe(), Adaption.A, original, fewer)
    with pytest.raises(InputError, match=r"one version only.*anonymized"):
        check_pairs(recipe(), Adaption.A, fewer, original)
    narrow = images | {"kind1/001": images["kind1/001"][:, :40]}
    other = write_set(tmp_path / "narrow.tar", narrow)
    with pytest.raises(InputError, match=r"another size once anonymized.*kind1/001"):
        check_pairs(recipe(), Adaption.A, original, other)
    with pytest.raises(InputError, match="24 training images are fewer than a batch"):
        check_pairs(recipe(optimizer={"batch_size": 32}), Adaption.A, original, anonymized)
    with pytest.raises(InputError, match="local_count is 0"):
        check_pairs(recipe(crops={"local_count": 0}), Adaption.A, original, anonymized)
    assert check_pairs(recipe(), Adaption.C, original, anonymized) == original.ids
