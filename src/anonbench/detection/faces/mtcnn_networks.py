"""MTCNN's three networks with the weights of facenet-pytorch's wheel, made for inference."""

from __future__ import annotations

import importlib.util
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from anonbench.detection.faces.mtcnn_pyramid import Sheet

PIECES = {"rnet": 32, "onet": 16}
"""Candidates in one pass of the second and third network."""
MEAN, SCALE = 127.5, 0.0078125
"""A pixel's value for the networks is (value − MEAN) · SCALE."""

# channels in, channels out, kernel; of the pooling after it: kernel, stride
Layers = list[tuple[int, int, int, tuple[int, int] | None]]
_RNET: Layers = [(3, 28, 3, (3, 2)), (28, 48, 3, (3, 2)), (48, 64, 2, None)]
_ONET: Layers = [(3, 32, 3, (3, 2)), (32, 64, 3, (3, 2)), (64, 64, 3, (2, 2)), (64, 128, 2, None)]
_PNET: Layers = [(3, 10, 3, None), (10, 16, 3, None), (16, 32, 3, None)]


class FirstNetwork:
    """Cells of 12 pixels: how much like a face each is, and where the face is in it."""

    def __init__(self, device: torch.device) -> None:
        weights = _weights("pnet")
        layers = _convolutions(_PNET)
        heads = nn.Conv2d(32, 6, 1)
        for part in ("weight", "bias"):
            both = [weights.pop(f"conv4_{head}.{part}") for head in (1, 2)]
            weights[f"heads.{part}"] = torch.cat(both)
        layers.add_module("heads", heads)
        layers.load_state_dict(weights)
        self._device = device
        self._first = _ready(layers[:2], device)
        self._rest = _Fast(layers[2:], device)

    @torch.inference_mode()
    def __call__(self, pixels: np.ndarray, sheet: Sheet) -> tuple[np.ndarray, np.ndarray]:
        """Look at one sheet.

        Args:
            pixels: float32 [3, height, width], 0 … 255.
            sheet: how the tiles lie on it.

        Returns:
            float32 [cells, cells]: probabilities; and float32 [4, cells, cells]: corrections.

        """
        x = self._first(_normalized(pixels[None], self._device))
        for tile in sheet.tiles:
            _cut_off(x, tile.sheet_top, tile.sheet_left, tile.height, tile.width)
        # a maximum of slices is faster than max_pool2d
        x = torch.maximum(x[:, :, 0::2], x[:, :, 1::2])
        x = torch.maximum(x[..., 0::2], x[..., 1::2])
        x = self._rest(x)[0]
        return x[:2].softmax(dim=0)[1].cpu().numpy(), x[2:].cpu().numpy()


def _cut_off(x: torch.Tensor, top: int, left: int, height: int, width: int) -> None:
    """Keep what lies beside a tile of odd sides out of the pooling of its last row and column."""
    if height % 2:
        x[:, :, top + height - 2, left : left + width - 1] = -torch.inf
    if width % 2:
        x[:, :, top : top + height - 1, left + width - 2] = -torch.inf


class CandidateNetwork:
    """The second or third network: is it a face, and where in the square is it?

    It sees batches of one size only, the last one filled up with zeros: the kernels, and with them
    the last bits, depend on the batch's size, so a candidate's result would depend on the others.
    """

    def __init__(self, name: str, device: torch.device) -> None:
        """Load "rnet" (squares of 24 pixels) or "onet" (48)."""
        second = name == "rnet"
        self.side = 24 if second else 48
        self._piece = PIECES[name]
        self._device = device
        weights = _weights(name)
        trunk = _convolutions(_RNET if second else _ONET)
        inputs, hidden, last = (576, 128, 4) if second else (1152, 256, 5)
        dense = nn.Sequential(
            OrderedDict(
                [
                    (f"dense{last}", nn.Linear(inputs, hidden)),
                    (f"prelu{last}", nn.PReLU(hidden)),
                    ("heads", nn.Linear(hidden, 6)),
                ]
            )
        )
        for part in ("weight", "bias"):
            both = [weights[f"dense{last + 1}_{head}.{part}"] for head in (1, 2)]
            weights[f"heads.{part}"] = torch.cat(both)
        self._trunk = _Fast(_loaded(trunk, weights), device)
        self._dense = _ready(_loaded(dense, weights), device)

    @torch.inference_mode()
    def __call__(self, pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Look at candidates.

        Args:
            pixels: float32 [N, 3, side, side], 0 … 255.

        Returns:
            float32 [N]: probabilities; and float32 [N, 4]: corrections.

        """
        pieces = _pieces(_normalized(pixels, self._device), self._piece)
        result = torch.cat([self._dense(_flat(self._trunk(piece))) for piece in pieces])
        result = result[: len(pixels)]
        return result[:, :2].softmax(dim=1)[:, 1].cpu().numpy(), result[:, 2:].cpu().numpy()


class LandmarkNetwork:
    """The third network's other answer: where eyes, nose and mouth are in a face's square.

    It sees batches of one size only, as `CandidateNetwork` does.
    """

    side = 48
    """Of the squares that it sees, in pixels."""

    def __init__(self, device: torch.device) -> None:
        """Load the weights."""
        weights = _weights("onet")
        self._trunk = _Fast(_loaded(_convolutions(_ONET), weights), device)
        dense = nn.Sequential(
            OrderedDict(
                [
                    ("dense5", nn.Linear(1152, 256)),
                    ("prelu5", nn.PReLU(256)),
                    ("dense6_3", nn.Linear(256, 10)),
                ]
            )
        )
        self._dense = _ready(_loaded(dense, weights), device)
        self._device = device

    @torch.inference_mode()
    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Look at squares.

        Args:
            pixels: float32 [N, 3, 48, 48], 0 … 255.

        Returns:
            float32 [N, 5, 2]: x and y of the eyes (the one on the left of the picture first), the
            nose and the corners of the mouth, as shares of the sides.

        """
        pieces = _pieces(_normalized(pixels, self._device), PIECES["onet"])
        found = torch.cat([self._dense(_flat(self._trunk(piece))) for piece in pieces])
        return found[: len(pixels)].reshape(-1, 2, 5).transpose(1, 2).cpu().numpy()


def _loaded(layers: nn.Module, weights: dict[str, torch.Tensor]) -> nn.Module:
    """Return layers with their weights of a network that has others, too."""
    layers.load_state_dict({key: weights[key] for key in layers.state_dict()})
    return layers


def _pieces(x: torch.Tensor, size: int) -> torch.Tensor:
    """Return a batch in pieces of one size, the last one filled up with zeros."""
    missing = -len(x) % size
    if missing:
        x = torch.cat([x, x.new_zeros(missing, *x.shape[1:])])
    return x.reshape(-1, size, *x.shape[1:])


def _flat(x: torch.Tensor) -> torch.Tensor:
    """Return features in the order that the weights were made for: columns before rows."""
    return x.permute(0, 3, 2, 1).flatten(1)


class _Fast:
    """Layers in oneDNN's own layout of numbers on the CPU; elsewhere as they are."""

    def __init__(self, layers: nn.Module, device: torch.device) -> None:
        self._layers = _ready(layers, device)
        backends: Any = torch.backends
        self._onednn = device.type == "cpu" and backends.mkldnn.is_available()
        if self._onednn:
            from torch.utils import mkldnn

            convert: Any = mkldnn.to_mkldnn
            self._layers = convert(self._layers)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = (
            self._layers(x.to_mkldnn()).to_dense() if self._onednn else self._layers(x)
        )
        return result


def _convolutions(layers: Layers) -> nn.Sequential:
    """Return convolutions, each with its PReLU and pooling, named as in facenet-pytorch."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    for number, (inputs, outputs, kernel, pooling) in enumerate(layers, start=1):
        parts[f"conv{number}"] = nn.Conv2d(inputs, outputs, kernel)
        parts[f"prelu{number}"] = nn.PReLU(outputs)
        if pooling:
            parts[f"pool{number}"] = nn.MaxPool2d(*pooling, ceil_mode=True)
    return nn.Sequential(parts)


def _ready(layers: nn.Module, device: torch.device) -> nn.Module:
    return layers.eval().requires_grad_(False).to(device)


def _normalized(pixels: np.ndarray, device: torch.device) -> torch.Tensor:
    """Return float32 [N, 3, H, W] as the networks take it."""
    centred = pixels - np.float32(MEAN)
    centred *= np.float32(SCALE)
    return torch.from_numpy(centred).to(device)


def _weights(name: str) -> dict[str, torch.Tensor]:
    """Read a network's weights from the wheel, which need not be imported (nor torchvision).

    Raises:
        ImportError: facenet-pytorch is not installed.

    """
    spec = importlib.util.find_spec("facenet_pytorch")
    if spec is None or spec.origin is None:
        raise ImportError("No module named 'facenet_pytorch'")
    path = Path(spec.origin).parent / "data" / f"{name}.pt"
    weights: dict[str, torch.Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return weights
