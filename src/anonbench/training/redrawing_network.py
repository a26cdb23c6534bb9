"""Network that redraws hidden pixels, a small U-Net, and the image set that it draws.

After Shvai, Llanza and Nakib, "Adaptive image anonymization in the context of image classification
with neural networks" (2023): new content is generated in hidden regions, such that an unchanged
model decides as it did on the original. Encoder and decoder with skips are those of Ronneberger,
Fischer and Brox 2015, "U-Net" (MICCAI, 234-241).
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.functional import interpolate

from anonbench.anonymization.audit import Failure
from anonbench.anonymization.audit.check import check_outside
from anonbench.anonymization.audit.regions import read_regions
from anonbench.anonymization.geometry import hidden_pixels, regions_at
from anonbench.config import Anonymization
from anonbench.config.training import Redrawing
from anonbench.core.boxes import Region, image_regions
from anonbench.core.errors import InputError
from anonbench.core.progress import track
from anonbench.core.vocabulary import Variant
from anonbench.datasets.image_sets.shards import ImageSet, ShardWriter
from anonbench.datasets.images import encode
from anonbench.training.data.preprocess import Preprocess
from anonbench.training.distributed import pick_device
from anonbench.training.model.backbone import seed_torch
from anonbench.training.weights import read_description

# pixels: a picture is halved until no side is larger, so that each hidden pixel depends on all
# that is visible, whatever the picture's size
_SMALLEST = 8
_WIDEST = 4  # greatest number of channels, as a multiple of the first layer's
_GROUPS = 4
KEY = "anonbench_redrawing"  # key of the metadata of weight files


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
    """Return a trained network on its device, and the preparation; sets torch's threads.

    InputError: the file is missing or was written by something else.
    """
    described = read_description(path, KEY, "a network that redraws regions")
    torch.set_num_threads(described["threads"])
    preprocess = Preprocess(**described["preprocess"])
    network = Redrawer(Redrawing.width, preprocess.side)
    network.load_state_dict(load_file(path))
    network.eval().requires_grad_(False)
    return network.to(pick_device(described["device"])), preprocess


log = logging.getLogger(__name__)


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
            shard.add(image_id, encode(drawn), "png", width, height)
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
    log.info("%d images of %s redrawn", len(images), variant)


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
    """Return the regions that a degree hides, by image, from all regions in draw order."""
    return {name: each[: regions_at(degree, len(each))] for name, each in regions.items()}


def as_picture(where: np.ndarray) -> np.ndarray:
    """Return uint8 [H, W]: white where bool [H, W] is true."""
    return where.astype(np.uint8) * np.uint8(255)
