"""Numbers of DINOv2's own code, by the names of our results."""

import re
from pathlib import Path

import golden_results as ours
import numpy as np
from tolerances import differing

GIVEN = re.compile(
    r"/in/(?!mask_)|^init/|logits$|temperature$|features$|student$|(dino_pair|ibot)/target$|"
    r"/weights/|image$|/masks?$"
)
"""Names of inputs, and of statistics that depend on random numbers."""
KOLEO = 0.1  # weight with which the official code reports the term


def read_official(path: Path) -> ours.Results:
    """Return a file's arrays, names of weights without the wrapper of the official model."""
    with np.load(path) as arrays:
        return {_plain(name): arrays[name] for name in arrays.files}


def _plain(name: str) -> str:
    name = re.sub(r"backbone[./]m\.", "backbone.", name)
    return re.sub(r"blocks\.\d+\.(\d+)\.", r"blocks.\1.", name)  # a chunk's number before a block's


def differences(folder: Path) -> list[str]:
    """Return in words what of ours is beyond its tolerance, of all numbers in the folder."""
    wrong = part_differences(folder)
    for run in ours.RUNS:
        wrong += run_differences(folder, run)
    return wrong


def part_differences(folder: Path) -> list[str]:
    """Return the same for losses, targets, networks and schedules."""
    given = read_official(folder / "parts.npz")
    results = expected(given)
    for name, value in results.items():
        if np.isnan(value).all():  # the official iteration overflows at scores of 4.5 and 0.05
            scores = given[name.replace("target", "logits")]
            results[name] = _sinkhorn(scores.astype(np.float64))
    return differing(ours.parts(given) | ours.schedules(), results)


def _sinkhorn(scores: np.ndarray) -> np.ndarray:
    """Return what Sinkhorn–Knopp's iteration is in float64, which holds e to the power of 90."""
    shares = np.exp(scores / ours.SINKHORN_TEMPERATURE)
    for _ in range(3):
        shares /= shares.sum(axis=0, keepdims=True)
        shares /= shares.sum(axis=1, keepdims=True)
    return shares


def run_differences(folder: Path, run: str) -> list[str]:
    """Return the same for a run of four training steps."""
    given = read_official(folder / f"step_{run}.npz")
    results = expected(official_steps(given, run))
    return differing(ours.without_keys(ours.steps(given, run)), ours.without_keys(results))


def expected(arrays: ours.Results) -> ours.Results:
    return {name: value for name, value in arrays.items() if not GIVEN.search(name)}


def official_steps(arrays: ours.Results, run: str) -> ours.Results:
    """Return a run's numbers with its losses as ours are: each term's mean, without its weight.

    The official code reports the DINO term in two parts, and the others for one of the two global
    crops: what is differentiated is local + global + 2 · KoLeo + 2 · iBOT of its numbers.
    """
    results = {name: value for name, value in arrays.items() if "/loss/" not in name}
    for step in range(ours.STEPS):
        here = f"step{step}/loss"
        terms = (arrays[f"{here}/dino_{kind}_crops_loss"] for kind in ("local", "global"))
        results[f"{here}/dino"] = np.sum(list(terms), axis=0)
        results[f"{here}/ibot"] = 2.0 * arrays[f"{here}/ibot_loss"]
        if ours.RUNS[run]["losses"]["koleo"]:
            results[f"{here}/koleo"] = 2.0 * arrays[f"{here}/koleo_loss"] / KOLEO
    return results
