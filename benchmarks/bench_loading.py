"""Training images from files, beside torchvision's ImageFolder of the same files.

Both sides decode, cut two global and eight local crops and give them DINOv2's augmentations, up to
normalized float32 batches on the CPU, in one process with one thread. Ours compares the files'
digests, too. The peer is torchvision with its transforms on Pillow images or on tensors (v2),
whichever is the faster. That crops and augmentations are torchvision's is tested
(`tests/training/data`). Real images from the folder beside the checkout, where it is there, else
drawn ones.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import hashlib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import cv2
import numpy as np
import pandas as pd
import torch
from common import SHARED, emit, measure
from PIL import Image
from torch.utils.data import DataLoader

from anonbench.config.training import Crops, Recipe
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.datasets.image_sets.shards import ImageSet, write_index
from anonbench.datasets.images import encode, read_image
from anonbench.training.data.augment import BLUR_SIGMA, IMAGENET_DEVIATION, IMAGENET_MEAN
from anonbench.training.data.batch import finish
from anonbench.training.data.paired_dataset import BatchStream, Sources

install_torchvision_ops()

from torchvision import transforms  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402
from torchvision.transforms import v2  # noqa: E402

BATCH, BATCHES, REPEAT = 24, 3, 2
CPU = torch.device("cpu")
CROPS = Crops()
Format = Literal["png", "jpeg"]
KINDS: list[tuple[str, str, tuple[int, int], Format]] = [
    ("aligned faces", "celeba/**/*.jpg", (89, 109), "jpeg"),
    ("photos", "celeba_wild/**/*.jpg", (178, 218), "jpeg"),
    ("pages", "rvl_cdip/**/*.tif", (762, 1000), "jpeg"),
    ("pages", "rvl_cdip/**/*.tif", (762, 1000), "png"),
]
"""Name, real images, size of drawn ones, and the format in which both are read."""


def drawn(size: tuple[int, int], grey: bool) -> Iterator[np.ndarray]:
    """Draw soft patterns with a little noise."""
    random = np.random.default_rng(0)
    for _ in range(BATCH * BATCHES):
        pattern = random.uniform(0, 255, (9, 8, 3)).astype(np.float32)
        image = cv2.resize(pattern, size, interpolation=cv2.INTER_CUBIC)
        image = np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
        yield image[..., 0] if grey else image


def write(images: Iterable[np.ndarray], format: Format, folder: Path) -> ImageSet:
    """Write images as a folder that ImageFolder reads; return them as an image set."""
    (folder / "class").mkdir()
    rows = []
    for number, image in enumerate(images):
        data = encode(image, format)
        path = f"class/{number:04}.{'png' if format == 'png' else 'jpg'}"
        (folder / path).write_bytes(data)
        size = (image.shape[1], image.shape[0], len(data))
        rows.append((f"{number:04}", path, *size, hashlib.sha256(data).hexdigest()))
    manifest = pd.DataFrame(rows, columns=["id", "path", "width", "height", "bytes", "digest"])
    status = pd.DataFrame({"id": manifest["id"], "status": "ok"})
    write_index(manifest, status, False, folder / "original.parquet")
    return ImageSet.open([folder / "original.parquet"], folder)


def rate(load: Callable[[], object]) -> dict[str, float]:
    _, taken = measure(load, REPEAT)
    return {
        "images_per_cpu_second": round(BATCH * BATCHES / taken["cpu_seconds"], 1),
        "images_per_second": round(BATCH * BATCHES / taken["seconds"], 1),
    }


def ours(images: ImageSet) -> dict[str, float]:
    """Load all images once."""
    recipe = Recipe.model_validate({"optimizer": {"batch_size": BATCH}})
    stream = BatchStream(images.ids, Sources(images, images), recipe, 14, 0)

    def load() -> None:
        for step in range(BATCHES):
            (batch,) = stream[step]
            finish(batch.global_crops, batch.global_augmentations, CROPS, CPU)
            finish(batch.local_crops, batch.local_augmentations, CROPS, CPU)

    return rate(load)


def pipeline(kind: int, made: Any) -> Callable[[Any], torch.Tensor]:
    """Return torchvision's way to a crop: kinds 0 and 1 are global, 2 is local."""
    side, area = CROPS.global_size, CROPS.global_area
    if kind == 2:
        side, area = CROPS.local_size, CROPS.local_area
    cubic = transforms.InterpolationMode.BICUBIC
    steps = [
        made.RandomResizedCrop(side, area, interpolation=cubic, antialias=True),
        made.RandomHorizontalFlip(CROPS.flip),
        made.RandomApply([made.ColorJitter(*CROPS.jitter)], CROPS.jitter_probability),
        made.RandomGrayscale(CROPS.grey),
        made.RandomApply([made.GaussianBlur(9, BLUR_SIGMA)], CROPS.blur_probabilities[kind]),
    ]
    if kind == 1:
        steps.append(made.RandomSolarize(128, CROPS.solarize))
    if made is v2:
        steps.append(v2.ToDtype(torch.float32, scale=True))
    else:
        steps.append(transforms.ToTensor())
    return made.Compose([*steps, made.Normalize(IMAGENET_MEAN, IMAGENET_DEVIATION)])


def crops_of(image: Image.Image, pipelines: list[Any], tensors: bool) -> list[torch.Tensor]:
    given = v2.functional.to_image(image) if tensors else image
    return [crop(given) for crop in pipelines]


def peer(folder: Path, made: Any) -> dict[str, float]:
    """Load all images once by torchvision."""
    pipelines = [pipeline(kind, made) for kind in (0, 1, *[2] * CROPS.local_count)]
    work = partial(crops_of, pipelines=pipelines, tensors=made is v2)
    images = ImageFolder(str(folder), transform=work)
    return rate(lambda: list(DataLoader(images, batch_size=BATCH)))


def compare(images: Iterable[np.ndarray], format: Format) -> dict[str, Any]:
    with TemporaryDirectory() as name:
        own = ours(write(images, format, Path(name)))
        peers = {
            "torchvision": peer(Path(name), transforms),
            "torchvision v2": peer(Path(name), v2),
        }
    best = max(peers, key=lambda way: peers[way]["images_per_cpu_second"])
    times = own["images_per_cpu_second"] / peers[best]["images_per_cpu_second"]
    return {"ours": own, "peers": peers, "faster_peer": best, "times_peer": round(times, 2)}


def main() -> None:
    torch.set_num_threads(1)
    kinds = {}
    for name, pattern, size, format in KINDS:
        files = sorted((SHARED / "data").glob(pattern))[: BATCH * BATCHES]
        real = len(files) == BATCH * BATCHES
        images = map(read_image, files) if real else drawn(size, grey=name == "pages")
        label = f"{'real' if real else 'drawn'} {name}, {format.upper()}"
        kinds[label] = compare(images, format)
    what = f"{BATCH * BATCHES} images of each kind to 2 crops of {CROPS.global_size} and "
    what += f"{CROPS.local_count} of {CROPS.local_size} pixels, augmented as by DINOv2, normalized"
    emit({"what": what, "kinds": kinds})


if __name__ == "__main__":
    main()
