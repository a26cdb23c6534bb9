"""Canary pixels: regions in plain sight, looked for in every picture that is made of image sets.

Regions that are not hidden are magenta, the page around them green. Read without the gate of
`anonbench.reporting.shown_images` each figure shows magenta; read through it none does.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from synthetic_results import outputs

from anonbench.config import Retrieval
from anonbench.core.io import write_parquet
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ShardWriter, index_path, open_sets
from anonbench.datasets.images import encode
from anonbench.embedding.attention_maps import AttentionMaps, write_maps
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.reporting.explorer import ScenarioEmbeddings, called, explore
from anonbench.reporting.figures.attention import attention, panels
from anonbench.reporting.figures.examples import examples
from anonbench.reporting.shown_images import choose, open_shown
from anonbench.training.data.preprocess import Preprocess

IDS = [f"{number:02d}" for number in range(12)]
KINDS = ("examples", "attention", "explorer")


def page(hidden: bool) -> np.ndarray:
    pixels = np.full((120, 96, 3), (0, 200, 0), np.uint8)
    pixels[10:50, 8:88] = 0
    pixels[60:110, 8:88] = 0 if hidden else (255, 0, 255)
    return pixels


def made(folder: Path, variant: str, visible: str) -> tuple[list[Path], list[Path]]:
    """Write an image set and detection's outcome; every other image has the status `visible`."""
    tar, outcome = folder / variant / "0.tar", folder / "0.images.parquet"
    states = [visible if number % 2 else "ok" for number in range(len(IDS))]
    with ShardWriter(tar) as shard:
        for image_id, state in zip(IDS, states, strict=True):
            shard.add(image_id, encode(page(state == "ok" and "100" in variant)), "png", 96, 120)
    write_parquet(pd.DataFrame({"id": IDS, "status": states}), outcome)
    return [tar, index_path(tar)], [outcome]


def embedded(path: Path, seed: int) -> Path:
    values = np.random.default_rng(seed).normal(size=(len(IDS), 6)).astype(np.float32)
    write_embeddings(path, Embeddings(IDS, values))
    return path


def draw(kind: str, images: Mapping[str, Any], folder: Path) -> bytes:
    """Return what the workflow's job of this name writes, all files together."""
    ((name, shown),) = images.items()
    variant, reference = Variant.parse(name), embedded(folder / "reference.h5", 0)
    database, files = embedded(folder / "images.h5", 1), outputs(folder, kind)
    if kind == "examples":
        examples({variant: shown}, choose(shown.ids, 6), show_originals=False, outputs=files)
    elif kind == "attention":
        maps = {(name, image_id): np.ones((2, 4, 4), np.float32) for image_id in IDS[:4]}
        write_maps(AttentionMaps(Preprocess(32, "imagenet", "squash"), maps), folder / "maps.npz")
        attention(panels({"unadapted": folder / "maps.npz"}, images), files)
    else:
        manifest = folder / "manifest.parquet"
        write_parquet(pd.DataFrame({"id": IDS}), manifest)
        method = str(variant.method)
        scenario = ScenarioEmbeddings("unadapted", variant, reference, database)
        names, settings = called(manifest, None, False), Retrieval(fraction=0.5)
        explorer = explore(
            "ids", reference, [scenario], {method: shown}, names, settings, queries=4, results=6
        )
        return json.dumps(explorer).encode()
    return b"".join(path.read_bytes() for path in files)


def colours(data: bytes) -> tuple[bool, bool]:
    """Return whether any picture inside some bytes has something magenta, and green."""
    texts = re.findall(rb"data:image/(?:png|webp);base64,\s*([A-Za-z0-9+/=\s]+)", data)
    pictures = [base64.b64decode(re.sub(rb"\s", b"", text)) for text in texts]
    if data.startswith(b"\x89PNG"):
        pictures.append(data)
    assert pictures
    magenta = green = False
    for picture in pictures:
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)
        red, middle, blue = np.moveaxis(pixels, 2, 0)
        magenta |= int(((red > 200) & (middle < 70) & (blue > 200)).sum()) > 3
        green |= int(((red < 60) & (middle > 150) & (blue < 60)).sum()) > 3
    return magenta, green


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("variant", "visible"),
    [("mask-50", "ok"), ("mask-100", "empty"), ("mask-100", "partial"), ("mask-100", "failed")],
)
def test_a_region_in_plain_sight_is_in_no_picture(
    tmp_path: Path, kind: str, variant: str, visible: str
) -> None:
    files, outcome = made(tmp_path, variant, visible)
    assert colours(draw(kind, open_sets([variant], files), tmp_path)) == (True, True)
    gated = draw(kind, open_shown([variant], files, tmp_path, outcome, False), tmp_path)
    assert colours(gated) == (False, variant == "mask-100")
    everything = draw(kind, open_shown([variant], files, tmp_path, [], True), tmp_path)
    assert colours(everything) == (True, True)
