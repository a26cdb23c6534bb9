"""Attacking models: those of the experiment, and a recognizer in ONNX format."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.linalg import solve

from anonbench.core.errors import InputError
from anonbench.core.numeric.similarity import unit_rows
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


@dataclass
class Model:
    """An attacker that encodes crops in batches and compares them by cosine similarity."""

    side: int  # see `Attacker`
    encode: Callable[[np.ndarray], np.ndarray]  # from a batch of crops to vectors
    aligned: bool = False  # whether it expects faces aligned by eyes, nose and mouth
    batch: int = BATCH

    def embed(self, crops: np.ndarray) -> np.ndarray:
        """See `Attacker.embed`."""
        starts = range(0, len(crops), self.batch)
        return unit_rows(
            np.concatenate([self.encode(crops[at : at + self.batch]) for at in starts])
        )


def backbone(path: Path) -> Model:
    """Model that `train` wrote, compared by the class token; InputError if it cannot be loaded."""
    described = read_description(path)
    torch.set_num_threads(described["threads"])
    loaded, preprocess = load_backbone(path)
    model = loaded.to(pick_device(described["device"]))

    @torch.inference_mode()
    def encode(crops: np.ndarray) -> np.ndarray:
        return np.asarray(class_tokens(model, preprocess, torch.from_numpy(crops)).cpu())

    return Model(preprocess.side, encode)


def system_attacker(system: System) -> Model:
    """A system under test, which makes its own input of a crop."""
    return Model(224, lambda crops: system.encode(list(crops)))


@contextmanager
def own_attacker(model: Path | SystemKind) -> Iterator[Attacker]:
    """Yield a model of the experiment as an attacker: weights that were trained, or a system."""
    if isinstance(model, Path):
        yield backbone(model)
    else:
        with open_system(model) as opened:
            yield system_attacker(opened)


def onnx_recognizer(path: Path, aligned: bool = False) -> Model:
    """A user's face recognition model in ONNX format; InputError if it is none."""
    if not path.is_file():
        raise InputError(f"{SETTING}: there is no file {path}; give a model in ONNX format")
    from anonbench.core.libraries.onnx import cpu_session  # most runs have no such model

    try:
        session = cpu_session(path)
        asked = session.get_inputs()[0]
        batch, channels, height, width = asked.shape
        if channels != 3 or height != width:
            raise ValueError(f"input of shape {asked.shape}")

        def encode(crops: np.ndarray) -> np.ndarray:
            scaled = (crops.transpose(0, 3, 1, 2).astype(np.float32) - CENTRE) / np.float32(SCALE)
            vectors = session.run(None, {asked.name: np.ascontiguousarray(scaled)})[0]
            return np.asarray(vectors).reshape(len(crops), -1)

        model = Model(int(height), encode, aligned, batch if isinstance(batch, int) else BATCH)
        model.embed(np.zeros((1, model.side, model.side, 3), np.uint8))
        return model
    except Exception as error:  # the library's own exceptions have no common base
        raise InputError(
            f"{SETTING}: {path} is not a recognition model in ONNX format that takes RGB "
            f"images [N, 3, S, S] and returns a vector for each ({error})"
        ) from error
