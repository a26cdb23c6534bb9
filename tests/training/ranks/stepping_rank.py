"""A process that trains some steps together with others: for the tests of `distributed`.

Arguments: JSON files, each with a recipe, the shard, and where to write. They are trained one after
the other. What the steps came to is written by the first process.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import torch

from anonbench.config.training import Recipe
from anonbench.core.vocabulary import Adaption
from anonbench.datasets.image_sets.shards import ImageSet
from anonbench.training.data.paired_dataset import BatchStream, open_sources
from anonbench.training.distributed import Ranks, prepare_torch
from anonbench.training.loop.trainer import Trainer


def stepped(told: dict[str, str]) -> Ranks:
    recipe = Recipe.model_validate_json(told["recipe"])
    images = ImageSet.open([Path(told["shard"])])
    device, ranks = prepare_torch(recipe)
    trainer = Trainer(recipe, 0, device, ranks)
    with open_sources(recipe, Adaption.UNADAPTED, images, None) as sources:
        given = images.ids, sources, recipe, trainer.patches_a_side, 0
        stream = BatchStream(*given, ranks.rank, ranks.world)
        for step in range(len(stream)):
            if step == 2:  # everything goes through a state
                state = trainer.state()
                trainer = Trainer(recipe, 1, device, ranks)
                trainer.restore(state)
            trainer.advance(stream[step])
    result = {"state": trainer.state(), "world": ranks.world}
    if ranks.rank == 0:
        torch.save(result, told["output"])
    return ranks


def main(files: Iterable[Path]) -> None:
    for file in files:
        ranks = stepped(json.loads(file.read_text(encoding="utf-8")))
    ranks.leave()


if __name__ == "__main__":
    main(map(Path, sys.argv[1:]))
