"""Networks whose normalizations are folded into their convolutions: the same vectors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from anonbench.core.registries.systems import ImageInput
from anonbench.embedding.systems.inputs import Prepare
from anonbench.embedding.systems.torch_encoder import module_network, network_encoder

SQUARES = ImageInput(size=(32, 32), resize="squash")


class Network(nn.Module):
    """A convolution with a normalization that has seen something."""

    def __init__(self, decides: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.decides = decides
        self.calls = 0
        self.convolution = nn.Conv2d(3, 8, 5, 4)
        self.norm = nn.BatchNorm2d(8)
        self.norm.running_mean.uniform_(-1, 1)  # type: ignore[union-attr, operator]
        self.norm.running_var.uniform_(0.1, 2)  # type: ignore[union-attr, operator]

    def forward(self, images: Tensor) -> Tensor:
        self.calls += 1
        vectors = self.norm(self.convolution(images)).flatten(1)
        if self.decides and images.mean() > 0:
            return -vectors
        return vectors


@pytest.mark.parametrize("decides", [False, True])
def test_the_vectors_are_the_models_own(decides: bool) -> None:
    network, random = Network(decides), np.random.default_rng(0)
    images = [
        random.integers(0, int(brightest), (40, 50, 3), dtype=np.uint8)
        for brightest in np.linspace(2, 255, 10)
    ]
    given = module_network(network, SQUARES, 4, "fp32", torch.device("cpu"))
    with network_encoder(given) as encoder:
        calls = network.calls
        found = encoder.encode(images)
        is_folded = network.calls == calls
    assert is_folded is not decides
    prepare = Prepare(SQUARES)
    for start in (0, 4):  # whole batches: the network decides by their mean
        batch = torch.from_numpy(np.stack([prepare(each) for each in images[start : start + 4]]))
        with torch.inference_mode():
            expected = network(batch).numpy()
        assert found[start : start + 4] == pytest.approx(expected, abs=1e-4)
