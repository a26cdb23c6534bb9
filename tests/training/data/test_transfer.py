"""The way of small tensors to a device: one copy, the same values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from anonbench.config.training import Crops
from anonbench.training.data.augment import augmentations_of, crop_draws
from anonbench.training.data.batch import finish
from anonbench.training.data.transfer import to_device

TENSORS = [
    torch.arange(7),
    torch.tensor([True, False, True]),
    torch.rand(3, 5),
    torch.zeros(0, dtype=torch.int64),
    torch.rand(4, 6).T,
    torch.tensor(3.5, dtype=torch.float64),
]


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """The tensors that `Tensor.to` is called on."""
    seen: list[torch.Tensor] = []
    real = torch.Tensor.to

    def to(self: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        seen.append(self)
        return real(self, *arguments, **options)

    monkeypatch.setattr(torch.Tensor, "to", to)
    return seen


def test_packed_tensors_keep_their_values(
    copied: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Other:
        """The CPU under another name, so that tensors are packed."""

        type = "other"

    monkeypatch.setattr(torch.Tensor, "to", lambda self, device, non_blocking: self.clone())
    found = to_device(TENSORS, Other())  # type: ignore[arg-type]
    for tensor, expected in zip(found, TENSORS, strict=True):
        assert tensor.dtype == expected.dtype and torch.equal(tensor, expected)
        assert tensor.is_contiguous()
    assert len({tensor.untyped_storage().data_ptr() for tensor in found}) == 1
    assert to_device(TENSORS, torch.device("cpu"))[2] is TENSORS[2]


def test_packed_tensors_are_one_copy(copied: list[torch.Tensor]) -> None:
    found = to_device(TENSORS, torch.device("meta"))
    assert len(copied) == 1
    assert copied[0].nbytes < sum(tensor.nbytes for tensor in TENSORS) + 16 * len(TENSORS)
    assert [tensor.shape for tensor in found] == [tensor.shape for tensor in TENSORS]
    assert to_device([], torch.device("meta")) == []


def test_a_batch_of_crops_is_finished_with_three_copies(copied: list[torch.Tensor]) -> None:
    """Pixels, augmentations and the constants of the normalization; there were dozens."""
    settings = Crops()
    augmentations = augmentations_of(crop_draws(0, 0, "a", 24), np.arange(24) % 3, settings)
    crops = torch.zeros(24, 16, 16, 3, dtype=torch.uint8)
    finished = finish(crops, augmentations, settings, torch.device("meta"))
    assert finished.shape == (24, 3, 16, 16)
    assert len([tensor for tensor in copied if tensor.device.type == "cpu"]) == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_a_gpu_memory_is_pinned(copied: list[torch.Tensor]) -> None:
    found = to_device(TENSORS, torch.device("cuda"))
    assert copied[0].is_pinned()
    assert all(torch.equal(a.cpu(), b) for a, b in zip(found, TENSORS, strict=True))
