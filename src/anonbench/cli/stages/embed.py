"""`anonbench embed`: vectors of images by any system."""

import argparse
from collections import Counter
from typing import Any

from anonbench.cli.inputs import IMAGES
from anonbench.cli.shared import DONE, DOUBTFUL, add_command, require_suffix, tell
from anonbench.datasets.inputs import require_place

SMALL = "timm:tf_efficientnet_lite0"
"""Model shipped with the packages: trained on ImageNet, not on faces or documents."""
SYSTEM = (
    "--system SYSTEM  kind:value, such as timm:resnet18, timm:resnet18,weights=mine.safetensors or "
    "function:module:encode, as in the config's section `systems` "
    f"({SMALL}, which comes with the packages: trained on ImageNet, not on faces or documents)"
)
CACHE = (
    "--cache FOLDER  keep what is computed, by image content and system: a stopped run goes on "
    "from there"
)
_MANUAL = f"""\
embed: write the vectors that a retrieval system gives to images
Embeds images by a system and writes /embeddings [N, D] and /ids [N] as HDF5, which `anonbench
score` reads.

IMAGES  {IMAGES}
{SYSTEM}
-o, --output FILE.h5
{CACHE}
--json  print what was written as JSON

Each page of a PDF or TIFF file is an image.
Exit status 3: done, but some images could not be read; --json lists them, and so does the
attribute `provenance` of the file.

Examples:
  anonbench embed photos -o originals.h5
  anonbench embed anonymized --system function:my_search:encode -o anonymized.h5"""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    add_command(commands, _MANUAL, run, system=SMALL, output=...)


def run(options: argparse.Namespace) -> int:
    """Embed the images, write the vectors, and print the number of images."""
    require_place(options.images)
    from anonbench.core.wording import count, tally
    from anonbench.embedding.given_systems import embed
    from anonbench.embedding.store import write_embeddings

    require_suffix(options.output, ".h5", ".hdf5")
    found = embed(options.system, options.images, options.cache)
    write_embeddings(options.output, found)
    images, width = found.values.shape
    left, converted = found.provenance["left_out"], found.provenance["converted"]
    written = {"output": str(options.output), "images": images, "dimensions": width}
    written |= {"left_out": len(left), "system": found.provenance["system"]}
    names = [{"name": name, "reason": reason} for name, reason in left]
    written |= {"converted": converted, "left_out_files": names}
    lines = [f"{count(images, 'image')}, {width} dimensions: {options.output}"]
    if converted:
        lines.append(f"converted while they were read ({tally(converted)})")
    if left:
        reasons = tally(Counter(reason for _, reason in left))
        lines.append(f"{count(len(left), 'file')} could not be read ({reasons}); which: --json")
    tell(options, written, "\n".join(lines))
    return DOUBTFUL if left else DONE
