"""Network that redraws hidden pixels, a small U-Net: training and image set.

After Shvai, Llanza and Nakib, "Adaptive image anonymization in the context of image classification
with neural networks" (2023): new content is generated in hidden regions, such that an unchanged
model decides as it did on the original. Encoder and decoder with skips are those of Ronneberger,
Fischer and Brox 2015, "U-Net" (MICCAI, 234-241).
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, interpolate

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.check import check_outside
from anonbench.anonymization.audit.regions import read_regions
from anonbench.anonymization.geometry import hidden_pixels, regions_at
from anonbench.config import Anonymization, Recipe, Redrawing
from anonbench.core.boxes import Region, image_regions
from anonbench.core.errors import InputError, Interrupted
from anonbench.core.io import write_csv
from anonbench.core.numeric.seeding import rng
from anonbench.core.progress import track
from anonbench.core.provenance import content_digest, file_digest, versions
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode as encode_image
from anonbench.training.data.augment import normalize_images
from anonbench.training.data.batch import loaded
from anonbench.training.data.paired_dataset import check_aligned
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.distributed import pick_device, prepare_torch
from anonbench.training.loop.checkpoint import Checkpoint, Interrupts
from anonbench.training.model.backbone import encode, seed_torch
from anonbench.training.weights import load_backbone, read_description, write_weights

# pixels: a picture is halved until no side is larger, so that each hidden pixel depends on all
# that is visible, whatever the picture's size
_SMALLEST = 8
_WIDEST = 4  # greatest number of channels, as a multiple of the first layer's
_GROUPS = 4
KEY = "anonbench_redrawing"  # key of the metadata of weight files
_LINES = 100  # approximate number of lines of the log
_WARMUP = 0.05
_LOG = logging.getLogger(__name__)


class Redrawer(nn.Module):
    """Network that draws hidden pixels from an anonymized picture and its mask of hidden pixels."""

    def __init__(self, width: int, side: int, seed: int = 0) -> None:
        """Make a network for pictures of `side` pixels, with `width` (of 4 a multiple) channels."""
        super().__init__()
        halvings = max(1, (max(side - 1, 1) // _SMALLEST).bit_length())
        widths = [width * min(2**level, _WIDEST) for level in range(halvings + 1)]
        down = zip([4, *widths], widths, strict=False)
        up = zip(widths[:0:-1], widths[-2::-1], strict=True)
        with torch.random.fork_rng():
            seed_torch("redrawing", seed)
            self.down = nn.ModuleList(_convolutions(before, after) for before, after in down)
            self.up = nn.ModuleList(_convolutions(low + skip, skip) for low, skip in up)
            self.last = nn.Conv2d(width, 3, 1)

    def forward(self, hidden: Tensor, share: Tensor) -> Tensor:
        """Return pictures, float32 [N, 3, S, S] in 0 … 1, whose hidden pixels are drawn.

        `share` is the hidden share of each pixel, float32 [N, 1, S, S] in 0 … 1.
        """
        values, skips = torch.cat([2.0 * hidden - 1.0, share], dim=1), []
        for level, convolutions in enumerate(self.down):
            values = convolutions(values if level == 0 else nn.functional.avg_pool2d(values, 2))
            skips.append(values)
        for convolutions, skip in zip(self.up, skips[-2::-1], strict=True):
            values = interpolate(values, skip.shape[-2:])
            values = convolutions(torch.cat([values, skip], dim=1))
        drawn: Tensor = self.last(values).sigmoid()
        return hidden + share * (drawn - hidden)


def _convolutions(before: int, after: int) -> nn.Module:
    parts: list[nn.Module] = []
    for channels in (before, after):
        parts += nn.Conv2d(channels, after, 3, padding=1), nn.GroupNorm(_GROUPS, after), nn.SiLU()
    return nn.Sequential(*parts)


def load_redrawer(path: Path) -> tuple[Redrawer, Preprocess]:
    """Return a trained network on its device, and the preparation; sets torch's threads."""
    described = read_description(path, KEY, "a network that redraws regions")
    torch.set_num_threads(described["threads"])
    preprocess = Preprocess(**described["preprocess"])
    network = Redrawer(Redrawing.width, preprocess.side)
    network.load_state_dict(load_file(path))
    network.eval().requires_grad_(False)
    return network.to(pick_device(described["device"])), preprocess


def redraw_shard(
    hidden: Path,
    boxes: pd.DataFrame,
    variant: Variant,
    hiding: Anonymization,
    network: Path,
    output: Path,
) -> None:
    """Write a shard's anonymized pictures with their hidden regions redrawn, in id order.

    No original is read. Outside of the hidden regions a picture is unchanged, bit for bit: this is
    verified for the files as written, with the audit's own reading of files and regions. `hidden`
    and `output` are tars, the boxes are the shard's, `train_redrawer` wrote the network.

    Raises:
        InputError: the network cannot be loaded, or a picture would change outside of its regions.
    """
    images, drawing = ImageSet.open([hidden]), load_redrawer(network)
    where = shown_hidden(image_regions(boxes), variant.degree)
    audited = read_regions(boxes)
    with ShardWriter.open(output) as shard:
        for image_id in track(images.ids, len(images), f"{variant} redrawn"):
            picture = images.read(image_id)
            regions = hidden_pixels(where.get(image_id, ()), picture.shape, hiding)
            drawn = redrawn(picture, regions, *drawing)
            height, width = drawn.shape[:2]
            shard.add(image_id, encode_image(drawn), "png", width, height)
            files = images.read_bytes(image_id), shard.read_back(image_id)
            try:
                check_outside(
                    picture, drawn, files, audited.get(image_id, []), variant.degree, hiding
                )
            except Failure as failure:
                raise InputError(
                    f"image {image_id!r} of {variant}, redrawn: {failure}. Nothing of its shard "
                    "is published. This is a fault of the program: report it"
                ) from None
    _LOG.info("%d images of %s redrawn", len(images), variant)


@torch.inference_mode()
def redrawn(
    picture: np.ndarray, hidden: np.ndarray, network: Redrawer, preprocess: Preprocess
) -> np.ndarray:
    """Return a picture in RGB whose hidden pixels are drawn, as far as the model sees them.

    The picture, uint8 [H, W] or [H, W, 3], is not changed; a grey one is drawn in colours, too.
    `hidden` says which pixels are hidden, bool [H, W].
    """
    device = next(network.parameters()).device
    seen, share = (
        torch.from_numpy(preprocess.fit(each)).to(device).permute(2, 0, 1)[None].float().div(255.0)
        for each in (picture, as_picture(hidden))
    )
    values = network(seen, share[:, :1])[0].permute(1, 2, 0)
    drawn, visible = preprocess.placed(
        values.mul(255.0).round().clamp(0, 255).byte().cpu().numpy(), picture.shape
    )
    result = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture.copy()
    drawn_here = hidden & visible
    result[drawn_here] = drawn[drawn_here]
    return result


def shown_hidden(
    regions: Mapping[str, Sequence[Region]], degree: int
) -> dict[str, Sequence[Region]]:
    """Regions that a degree hides, by image, from all regions in draw order."""
    return {name: each[: regions_at(degree, len(each))] for name, each in regions.items()}


def as_picture(where: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W]: white where bool [H, W] is true."""
    return where.astype(np.uint8) * np.uint8(255)


def train_redrawer(
    original: ImageSet,
    hidden: ImageSet,
    boxes: pd.DataFrame,
    variant: Variant,
    hiding: Anonymization,
    backbone: Path,
    settings: Redrawing,
    recipe: Recipe,
    seed: int,
    output: Path,
    log: Path,
    checkpoint: Path,
) -> None:
    """Train a network until a model embeds its pictures like their originals, and write it.

    The model is unchanged. Of a picture, the network gets the visible part and the mask of hidden
    pixels. Its drawing is compared with the original by the model's class token, never by pixels:
    it learns to show what the model needs. On a CPU, the same arguments give the same bytes, also
    when a killed training resumes from its checkpoint. The images are never all in memory.

    Args:
        original: the train split, with its table of boxes.
        hidden: the same images anonymized, as `variant` and `hiding` say.
        backbone: of the model, see `save_backbone`.
        recipe: of the model, for device, threads, loader processes and minutes between checkpoints.
        output: the weights, which `load_redrawer` reads.
        log: CSV: step, learning rate, mean cosine similarity of drawn pictures and their originals,
            and that of the hidden ones.
        checkpoint: written regularly and when the process is asked to end; removed at the end.

    Raises:
        InputError: the image sets do not fit together, or the loss is not finite.
        Interrupted: the process was asked to end; the checkpoint is written.
    """
    device, _ = prepare_torch(recipe)
    check_aligned(original, hidden)
    if not len(original):
        raise InputError(f"no train image of {variant} is left to learn from")
    described = {
        "settings": settings.model_dump(mode="json"),
        "hiding": hiding.model_dump(mode="json", include={"margin", "shape", "coding_blocks"}),
        "variant": str(variant),
        "seed": seed,
        "device": recipe.device,
        "threads": recipe.threads,
        "backbone": file_digest(backbone),
        "original": original.digest,
        "hidden": hidden.digest,
        "versions": versions("torch", "timm", "numpy"),
    }
    identity = content_digest(described)
    model, preprocess = load_backbone(backbone)
    network = Redrawer(settings.width, preprocess.side, seed).to(device)
    training = _Training(model.to(device), preprocess, settings, network)
    saved = Checkpoint(checkpoint, identity, recipe.checkpoint_minutes)
    saved.restore(training.restore)
    where = shown_hidden(image_regions(boxes), variant.degree)
    names, batch = original.ids, min(settings.batch_size, len(original))

    def pairs_of(step: int) -> list[Tensor]:  # an incomplete last batch of an epoch is left out
        epoch, place = divmod(step, len(names) // batch)
        order = rng("redrawing order", seed, epoch).permutation(len(names))
        parts = []
        for image_id in (names[row] for row in order[place * batch : (place + 1) * batch]):
            picture = hidden.read(image_id)
            share = as_picture(hidden_pixels(where.get(image_id, ()), picture.shape, hiding))
            clear, picture, share = map(preprocess.fit, (original.read(image_id), picture, share))
            parts.append((clear, picture, share[..., 0]))
        return [torch.from_numpy(np.stack(each)) for each in zip(*parts, strict=True)]

    left = range(training.step, settings.steps)
    loader = loaded(pairs_of, left, recipe.workers)
    with Interrupts() as interrupts:
        for pairs in track(loader, len(left), f"steps of drawing {variant}"):
            training.advance(*(each.to(device) for each in pairs))
            reason = interrupts.reason(saved.seconds)
            if reason or saved.is_due:
                saved.write(training.state())
            if reason and training.step < settings.steps:
                raise Interrupted(reason, training.step)
    described |= {"preprocess": asdict(preprocess)}
    write_weights(training.network.state_dict(), output, KEY, described)
    write_csv(pd.DataFrame(training.log), log)
    checkpoint.unlink(missing_ok=True)


class _Training:
    def __init__(
        self, model: nn.Module, preprocess: Preprocess, settings: Redrawing, network: Redrawer
    ) -> None:
        self._model, self._preprocess, self._settings = model, preprocess, settings
        self.network = network
        self._optimizer = torch.optim.AdamW(self.network.parameters(), fused=True)
        self.step = 0
        self.log: list[dict[str, float]] = []

    def advance(self, original: Tensor, hidden: Tensor, share: Tensor) -> None:
        """Take one step on whole images, uint8 [B, S, S, 3], and hidden shares, uint8 [B, S, S]."""
        settings = self._settings
        start = max(1, round(_WARMUP * settings.steps))
        rate = settings.learning_rate * (self.step + 1) / start
        if self.step >= start:
            way = (self.step - start) / max(1, settings.steps - start)
            rate = settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * way))
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        hidden = hidden.permute(0, 3, 1, 2).float().div(255.0)
        share = share[:, None].float().div(255.0)
        with torch.no_grad():
            wanted = encode(self._model, self._preprocess.normalized(original))[:, 0]
        alike = cosine_similarity(self._embedded(self.network(hidden, share)), wanted)
        loss = 1.0 - alike.mean()
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self.step += 1
        if self.step % max(1, settings.steps // _LINES) and self.step < settings.steps:
            return
        if not math.isfinite(loss.item()):
            raise InputError(
                f"step {self.step}: the loss is not finite; lower redrawing.learning_rate"
            )
        with torch.no_grad():
            before = cosine_similarity(self._embedded(hidden), wanted)
        means = {"cosine": alike.mean().item(), "cosine_hidden": before.mean().item()}
        self.log.append({"step": self.step, "learning_rate": rate, **means})

    def _embedded(self, pictures: Tensor) -> Tensor:
        inputs = normalize_images(pictures, self._preprocess.normalize)
        return encode(self._model, inputs)[:, 0]

    def state(self) -> dict[str, Any]:
        parts = {"network": self.network.state_dict(), "optimizer": self._optimizer.state_dict()}
        return parts | {"step": self.step, "log": self.log}

    def restore(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self._optimizer.load_state_dict(state["optimizer"])
        self.step, self.log = state["step"], state["log"]
