"""Training images from files and tar shards, beside torchvision's ImageFolder of the same files.

Both sides decode, cut two global and eight local crops and give them DINOv2's augmentations, up to
normalized float32 batches on the CPU, in one process with one thread. Ours reads originals where
they lie and compares their digests, and anonymized images from a tar shard. The peer is torchvision
with its transforms on Pillow images or on tensors (v2), whichever is the faster. Pairs: global
crops from the original and local ones from the anonymized version (adaption A), so two files an
image.

`ours_cached` reads what a decode cache keeps (`scratch: true`), as every epoch but the first does.

Real images from the folder beside the checkout, where it is there, else drawn ones.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import hashlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import cv2
import numpy as np
import pandas as pd
import torch
from common import emit, measure
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from anonbench.config.training import Crops, Recipe
from anonbench.core.libraries.compat import install_torchvision_ops
from anonbench.datasets.image_sets.originals import write_index
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode, read_image
from anonbench.training.data.augment import (
    BLUR_SIGMA,
    IMAGENET_DEVIATION,
    IMAGENET_MEAN,
    crop_draws,
)
from anonbench.training.data.batch import finish
from anonbench.training.data.crops import crop_boxes
from anonbench.training.data.decoded_cache import ImageSource, Scratch, sufficient_side
from anonbench.training.data.paired_dataset import BatchStream, Sources

install_torchvision_ops()

from torchvision import transforms  # noqa: E402
from torchvision.datasets import ImageFolder  # noqa: E402
from torchvision.transforms import functional, v2  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
BATCH, BATCHES, REPEAT = 24, 3, 2
CPU = torch.device("cpu")
CROPS = Crops()
CUBIC = transforms.InterpolationMode.BICUBIC
Pixels = Iterator[np.ndarray]
Format = Literal["png", "jpeg"]
TOLERANCES = {"mean": 4.0, "deviation": 4.0, "area": 0.01, "difference": 0.02}
"""Mean and deviation of a crop's pixels in standard errors, since augmentations are random; area as
a share of the image; difference of crops at the same place of 0 … 1 (other filters)."""


class Timed:
    """An image set that notes the time that reading takes."""

    def __init__(self, images: ImageSource) -> None:
        self._images, self.seconds = images, 0.0

    def size(self, image_id: str) -> tuple[int, int]:
        return self._images.size(image_id)

    def read(self, image_id: str) -> np.ndarray:
        start = time.process_time()
        image = self._images.read(image_id)
        self.seconds += time.process_time() - start
        return image


class Pairs(Dataset[list[torch.Tensor]]):
    """The peer's pairs: global crops from one folder and local ones from another."""

    def __init__(self, whole: ImageFolder, local: ImageFolder) -> None:
        self._whole, self._local = whole, local

    def __len__(self) -> int:
        return len(self._whole)

    def __getitem__(self, row: int) -> list[torch.Tensor]:
        return [*self._whole[row][0], *self._local[row][0]]


def real(folder: str, pattern: str) -> Pixels | None:
    """Return real images, as many as are measured, or None where they are not there."""
    files = sorted((SHARED / folder).rglob(pattern))[: BATCH * BATCHES]
    return (read_image(path) for path in files) if len(files) == BATCH * BATCHES else None


def drawn(width: int, height: int, grey: bool) -> Pixels:
    """Draw soft patterns with a little noise."""
    random = np.random.default_rng(0)
    for _ in range(BATCH * BATCHES):
        pattern = random.uniform(0, 255, (9, 8, 3)).astype(np.float32)
        image = cv2.resize(pattern, (width, height), interpolation=cv2.INTER_CUBIC)
        image = np.clip(image + random.normal(0, 4, image.shape), 0, 255).astype(np.uint8)
        yield image[..., 0] if grey else image


def hidden(image: np.ndarray) -> np.ndarray:
    height, width = image.shape[:2]
    image = image.copy()
    image[height // 4 : height // 2, width // 4 : width // 2] = 0
    return image


def write(images: Pixels, format: Format, folder: Path) -> None:
    """Write the same coded images as image sets and as folders that ImageFolder reads."""
    extension = "png" if format == "png" else "jpg"
    for version in ("original", "anonymized"):
        (folder / version / "class").mkdir(parents=True)
    rows = []
    with ShardWriter(folder / "anonymized.tar") as shard:
        for number, image in enumerate(images):
            height, width = image.shape[:2]
            for name, pixels in (("original", image), ("anonymized", hidden(image))):
                data = encode(pixels, format)
                path = f"{name}/class/{number:04}.{extension}"
                (folder / path).write_bytes(data)
                if name == "anonymized":
                    shard.add(f"{number:04}", data, extension, width, height)
                else:
                    digest = hashlib.sha256(data).hexdigest()
                    rows.append((f"{number:04}", path, width, height, len(data), digest))
    manifest = pd.DataFrame(rows, columns=["id", "path", "width", "height", "bytes", "digest"])
    status = pd.DataFrame({"id": manifest["id"], "status": "ok"})
    write_index(manifest, status, False, folder / "original.parquet")


def ours(
    ids: list[str], original: ImageSource, local: ImageSource
) -> tuple[list[list[torch.Tensor]], dict[str, Any]]:
    """Load all images once; return the batches and what they took."""
    recipe = Recipe.model_validate({"optimizer": {"batch_size": BATCH}})
    whole = Timed(original)
    other = whole if local is original else Timed(local)
    sources = Sources(whole, other)
    stream = BatchStream(ids, sources, recipe, 14, 0)
    seconds = {"cut": 0.0, "augment": 0.0}

    def load() -> list[list[torch.Tensor]]:
        batches = []
        for step in range(BATCHES):
            start = time.process_time()
            (batch,) = stream[step]
            cut = time.process_time()
            views = finish(batch.global_crops, batch.global_augmentations, CROPS, CPU)
            local_views = finish(batch.local_crops, batch.local_augmentations, CROPS, CPU)
            seconds["cut"] += cut - start
            seconds["augment"] += time.process_time() - cut
            batches.append([views, local_views])
        return batches

    batches, time_taken = measure(load, REPEAT)
    decode = sum(source.seconds for source in {whole, other})
    parts = {"decode": decode, "cut": seconds["cut"] - decode, "augment": seconds["augment"]}
    shares = {name: round(value / sum(seconds.values()), 2) for name, value in parts.items()}
    return batches, rate(time_taken) | {"shares": shares}


def cached(images: ImageSet, folder: Path) -> Scratch:
    """Return images as `scratch: true` keeps them, decoded and shrunk once for all epochs."""
    return Scratch(images, folder / f"{id(images)}.pixels", sufficient_side(CROPS))


def rate(taken: dict[str, float]) -> dict[str, Any]:
    count = BATCH * BATCHES
    return {
        "images_per_cpu_second": round(count / taken["cpu_seconds"], 1),
        "images_per_second": round(count / taken["seconds"], 1),
    }


def pipeline(kind: int, tensors: bool) -> Callable[[Any], torch.Tensor]:
    """Return the peer's way from an image to a crop: kinds 0 and 1 are global, 2 is local."""
    made: Any = v2 if tensors else transforms
    side, area = CROPS.global_size, CROPS.global_area
    if kind == 2:
        side, area = CROPS.local_size, CROPS.local_area
    steps = [
        made.RandomResizedCrop(side, area, interpolation=CUBIC, antialias=True),
        made.RandomHorizontalFlip(CROPS.flip),
        made.RandomApply([made.ColorJitter(*CROPS.jitter)], CROPS.jitter_probability),
        made.RandomGrayscale(CROPS.grey),
    ]
    blurred = CROPS.blur_probabilities[kind]
    steps.append(made.RandomApply([made.GaussianBlur(9, BLUR_SIGMA)], blurred))
    if kind == 1:
        steps.append(made.RandomSolarize(128, CROPS.solarize))
    if tensors:
        return v2.Compose(
            [
                *steps,
                v2.ToDtype(torch.float32, scale=True),
                v2.Normalize(IMAGENET_MEAN, IMAGENET_DEVIATION),
            ]
        )
    normalize = transforms.Normalize(IMAGENET_MEAN, IMAGENET_DEVIATION)
    return transforms.Compose([*steps, transforms.ToTensor(), normalize])


def crops_of(
    image: Image.Image, pipelines: list[Callable[[Any], torch.Tensor]], tensors: bool
) -> list[torch.Tensor]:
    given = v2.functional.to_image(image) if tensors else image
    return [crop(given) for crop in pipelines]


def peer(folder: Path, local: str, tensors: bool) -> tuple[list[Any], dict[str, Any]]:
    """Load all images once by torchvision; return the batches and what they took."""
    torch.manual_seed(0)
    whole = [pipeline(kind, tensors) for kind in (0, 1)]
    small = [pipeline(2, tensors)] * CROPS.local_count

    def images(version: str, pipelines: list[Any]) -> ImageFolder:
        work = partial(crops_of, pipelines=pipelines, tensors=tensors)
        return ImageFolder(str(folder / version), transform=work)

    data: Dataset[Any]
    if local == "original":
        data = images("original", [*whole, *small])
    else:
        data = Pairs(images("original", whole), images(local, small))
    batches, taken = measure(lambda: list(DataLoader(data, batch_size=BATCH)), REPEAT)
    if local == "original":  # without ImageFolder's classes
        batches = [batch for batch, _ in batches]
    return batches, rate(taken)


def distributions(own: list[list[torch.Tensor]], theirs: list[Any]) -> dict[str, list[float]]:
    """Return means over crops, ours and the peer's, of their normalized pixels' mean and deviation.

    The third number of each is the distance of the two in standard errors.
    """
    result = {}
    for place, kind, chosen in ((0, "global", slice(0, 2)), (1, "local", slice(2, None))):
        ours_of, peers_of = (
            torch.cat(crops).flatten(1)
            for crops in (
                [batch[place] for batch in own],
                [crop for batch in theirs for crop in batch[chosen]],
            )
        )
        for what, measured in (("mean", torch.mean), ("deviation", torch.std)):
            pair = [measured(pixels, dim=1) for pixels in (ours_of, peers_of)]
            first, second = (float(values.mean()) for values in pair)
            error = sum(float(values.var()) / len(values) for values in pair) ** 0.5
            distance = abs(first - second) / error
            result[f"{kind} {what}"] = [round(first, 3), round(second, 3), round(distance, 1)]
    return result


def mean_areas(size: tuple[int, int], count: int) -> dict[str, list[float]]:
    """Return the mean share of an image that crops show, ours and the peer's, and the distance."""
    blank = Image.new("L", size)
    pixels = size[0] * size[1]
    result = {}
    for kind, area in (("global", CROPS.global_area), ("local", CROPS.local_area)):
        boxes = crop_boxes(crop_draws(0, 0, "areas", count), np.array(size), area)
        own = float((boxes[:, 2:] - boxes[:, :2]).prod(axis=1).mean()) / pixels
        draw = partial(transforms.RandomResizedCrop.get_params, blank, list(area), [3 / 4, 4 / 3])
        drawn_sizes = np.array([draw()[2:] for _ in range(count)])
        theirs = float(drawn_sizes.prod(axis=1).mean()) / pixels
        result[f"{kind} area"] = [round(x, 3) for x in (own, theirs, abs(own - theirs))]
    return result


def plain_differences(folder: Path) -> dict[str, list[float]]:
    """Return the mean difference of crops at the same places when nothing else is done to them."""
    settings = {"flip": 0, "jitter_probability": 0, "grey": 0, "blur": [0, 0, 0], "solarize": 0}
    recipe = Recipe.model_validate({"optimizer": {"batch_size": BATCH}, "crops": settings})
    images = ImageSet.open([folder / "original.parquet"], folder)
    (batch,) = BatchStream(images.ids, Sources(images, images), recipe, 14, 0)[0]
    found: dict[str, list[float]] = {"global": [], "local": []}
    for row, image_id in enumerate(batch.ids):
        draws = crop_draws(0, 0, image_id, 2 + CROPS.local_count)
        (path,) = (folder / "original" / "class").glob(f"{image_id}.*")
        image = functional.pil_to_tensor(Image.open(path).convert("RGB"))
        size = np.array(images.size(image_id))
        for kind, crops, area, chosen in (
            ("global", batch.global_crops, CROPS.global_area, draws[:2]),
            ("local", batch.local_crops, CROPS.local_area, draws[2:]),
        ):
            for number, (x0, y0, x1, y1) in enumerate(crop_boxes(chosen, size, area).tolist()):
                own = crops[number * BATCH + row].permute(2, 0, 1)
                theirs = functional.resized_crop(
                    image, y0, x0, y1 - y0, x1 - x0, list(own.shape[1:]), CUBIC, antialias=True
                )
                found[kind].append(float((own.float() - theirs.float()).abs().mean()) / 255)
    return {f"{kind} difference": [round(float(np.mean(all)), 4)] for kind, all in found.items()}


def check(values: dict[str, list[float]]) -> dict[str, Any]:
    """Add whether the distances, each list's last number, keep to the tolerances."""
    agree = all(value[-1] <= TOLERANCES[name.partition(" ")[2]] for name, value in values.items())
    return values | {"tolerances": TOLERANCES, "agree": agree}


def compare(images: Pixels, format: Format) -> dict[str, Any]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        write(images, format, folder)
        original = ImageSet.open([folder / "original.parquet"], folder)
        anonymized = ImageSet.open([folder / "anonymized.tar"])
        result: dict[str, Any] = {}
        for what, local in (("original", original), ("pair", anonymized)):
            batches, own = ours(original.ids, original, local)
            kept = [cached(images, folder) for images in dict.fromkeys((original, local))]
            _, own_cached = ours(original.ids, kept[0], kept[-1])
            peers = {
                way: peer(folder, "original" if what == "original" else "anonymized", tensors)
                for way, tensors in (("torchvision", False), ("torchvision v2", True))
            }
            best = max(peers, key=lambda way: peers[way][1]["images_per_cpu_second"])
            theirs = peers[best][1]["images_per_cpu_second"]
            result[what] = {
                "ours": own,
                "peers": {way: figures for way, (_, figures) in peers.items()},
                "faster_peer": best,
                "times_peer": round(own["images_per_cpu_second"] / theirs, 2),
                "ours_cached": own_cached,
                "times_peer_cached": round(own_cached["images_per_cpu_second"] / theirs, 2),
            }
            if what == "original":
                result["equality"] = check(
                    distributions(batches, peers[best][0])
                    | mean_areas(original.size(original.ids[0]), 3000)
                    | plain_differences(folder)
                )
    return result


def main() -> None:
    torch.set_num_threads(1)
    kinds: list[tuple[str, Pixels | None, Pixels, Format]] = [
        ("aligned faces", real("celeba", "*.jpg"), drawn(89, 109, False), "jpeg"),
        ("photos", real("celeba_wild", "*.jpg"), drawn(178, 218, False), "jpeg"),
        ("pages", real("rvl_cdip", "*.tif"), drawn(762, 1000, True), "jpeg"),
        ("pages", real("rvl_cdip", "*.tif"), drawn(762, 1000, True), "png"),
    ]
    emit(
        {
            "what": f"{BATCH * BATCHES} images of each kind to 2 crops of {CROPS.global_size} and "
            f"{CROPS.local_count} of {CROPS.local_size} pixels, augmented as by DINOv2, normalized",
            "kinds": {
                f"{'real' if there else 'drawn'} {name}, {format.upper()}": compare(
                    there or otherwise, format
                )
                for name, there, otherwise, format in kinds
            },
        }
    )


if __name__ == "__main__":
    main()
