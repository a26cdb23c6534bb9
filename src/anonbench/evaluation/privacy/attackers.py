"""Attacking models: those of the experiment, and a recognizer in ONNX format."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import solve

from anonbench.core.errors import InputError
from anonbench.core.registries.attacks import Attacker
from anonbench.core.registries.systems import System, SystemKind
from anonbench.embedding.systems.opening import open_system
from anonbench.training.distributed import pick_device
from anonbench.training.weights import class_tokens, load_backbone, read_description

# Set before the import: the package otherwise sends usage data to Microsoft.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

BATCH = 64  # crops that are embedded at once
SETTING = "privacy.recognizer"
CENTRE, SCALE = 127.5, 128.0  # of the input of models of the ArcFace family (Deng et al. 2019)


@dataclass(frozen=True)
class Linear:
    """Linear map about a mean: (x - centre) @ weights + mean, float64 [N, E]."""

    centre: np.ndarray
    weights: np.ndarray
    mean: np.ndarray | float = 0.0

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Map features [N, D]."""
        return np.asarray((features - self.centre) @ self.weights + self.mean)


def ridge(
    features: np.ndarray,
    targets: np.ndarray,
    strengths: Sequence[float],
    weights: np.ndarray | None = None,
    least: float = 1e-12,
) -> Iterator[Linear]:
    """Ridge regressions of targets [N, E] on features [N, D], one for each strength.

    A penalty is a strength times the sum of a feature's squares about its mean: the mean over the
    features, or `least` if it is higher. `weights` are of the N rows.
    """
    centre, mean = (np.average(each, axis=0, weights=weights) for each in (features, targets))
    roots = 1.0 if weights is None else np.sqrt(weights)[:, None]
    shown, wanted = roots * (features - centre), roots * (targets - mean)
    is_wide = len(shown) < shown.shape[1]  # solve the smaller of two equivalent systems
    products = shown @ shown.T if is_wide else shown.T @ shown
    wanted = wanted if is_wide else shown.T @ wanted
    power = max(float(np.trace(products)) / shown.shape[1], least)
    for strength in strengths:
        penalized = products + strength * power * np.eye(len(products))
        solved = solve(penalized, wanted, assume_a="pos")
        yield Linear(centre, shown.T @ solved if is_wide else solved, mean)


class Backbone:
    """A model of this experiment; crops are compared by the class token, as in retrieval."""

    def __init__(self, path: Path) -> None:
        """Load a model that `train` wrote; InputError if the file cannot be loaded."""
        described = read_description(path)
        torch.set_num_threads(described["threads"])
        model, self._preprocess = load_backbone(path)
        self._model = model.to(pick_device(described["device"]))
        self.side = self._preprocess.side

    @torch.inference_mode()
    def embed(self, crops: np.ndarray) -> np.ndarray:
        """See `Attacker.embed`."""
        batches = torch.split(torch.from_numpy(crops), BATCH)
        tokens = [class_tokens(self._model, self._preprocess, each).cpu() for each in batches]
        return unit(torch.cat(tokens).numpy())


class SystemAttacker:
    """A system under test as an attacker that compares crops by cosine similarity."""

    side = 224  # the system makes its own input of a crop of this size

    def __init__(self, system: System) -> None:
        self._system = system

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """See `Attacker.embed`."""
        starts = range(0, len(crops), BATCH)
        parts = [self._system.encode(list(crops[start : start + BATCH])) for start in starts]
        return unit(np.concatenate(parts))


@contextmanager
def own_attacker(model: Path | SystemKind) -> Iterator[Attacker]:
    """Yield a model of the experiment as an attacker: weights that were trained, or a system."""
    if isinstance(model, Path):
        yield Backbone(model)
    else:
        with open_system(model) as opened:
            yield SystemAttacker(opened)


class OnnxRecognizer:
    """A face recognition model of the user's own, in ONNX format."""

    def __init__(self, path: Path, aligned: bool = False) -> None:
        """Load the model, and embed a blank crop; InputError if it is not such a model."""
        self.aligned = aligned
        if not path.is_file():
            raise InputError(f"{SETTING}: there is no file {path}; give a model in ONNX format")
        from anonbench.core.libraries.onnx import cpu_session  # most runs have no such model

        try:
            self._session = cpu_session(path)
            self._input = self._session.get_inputs()[0]
            batch, channels, height, width = self._input.shape
            if channels != 3 or height != width:
                raise ValueError(f"input of shape {self._input.shape}")
            self.side = int(height)
            self._batch = batch if isinstance(batch, int) else BATCH
            self.embed(np.zeros((1, self.side, self.side, 3), np.uint8))
        except Exception as error:  # the library's own exceptions have no common base
            raise InputError(
                f"{SETTING}: {path} is not a recognition model in ONNX format that takes RGB "
                f"images [N, 3, S, S] and returns a vector for each ({error})"
            ) from error

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """See `Attacker.embed`."""
        scaled = (crops.transpose(0, 3, 1, 2).astype(np.float32) - CENTRE) / np.float32(SCALE)
        parts = []
        for start in range(0, len(scaled), self._batch):
            batch = np.ascontiguousarray(scaled[start : start + self._batch])
            vectors = self._session.run(None, {self._input.name: batch})[0]
            parts.append(np.asarray(vectors).reshape(len(batch), -1))
        return unit(np.concatenate(parts))


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors [N, D] scaled to length one; a zero vector stays zero and resembles nothing."""
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(length > 0, length, 1.0), np.float32)
