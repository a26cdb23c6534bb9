"""The paper's 120 rankings, scored end to end: made-up embeddings, one job a data set, all files.

    OMP_NUM_THREADS=2 python benchmarks/full_size.py FOLDER

24 rankings of 19,792 images and 96 of 39,972, with 1,024 dimensions: 4 models x 3 methods x 2 query
kinds, of one degree and of four. FOLDER needs 18 GB and may be removed afterwards. About half an
hour on two cores; what was killed goes on where it was (its seconds then count from there).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import clustered, emit, measure, peak_memory_gb

from anonbench.config import Retrieval
from anonbench.embedding.store import Embeddings, write_embeddings
from anonbench.evaluation.retrieval.job import Embedded, gather_scenarios, score_shard

SETS = {"celeba": (19_792, (100,)), "rvl_cdip": (39_972, (25, 50, 75, 100))}
METHODS = ("pixelate", "blur", "mask")
DEPTH = 1024


def embeddings(file: Path, images: int, noise: float) -> Path:
    """Write one version of the images, in clusters; each file has other noise."""
    if not file.exists():
        values = clustered(images, DEPTH, noise, [ord(letter) for letter in file.stem])
        write_embeddings(file, Embeddings([f"{i:06d}" for i in range(images)], values))
    return file


def scenarios(folder: Path, images: int, degrees: tuple[int, ...]) -> Iterator[Embedded]:
    """Yield the paper's scenarios of a data set: both query kinds each."""
    reference = embeddings(folder / "reference.h5", images, 0.0)
    for variant in (f"{method}-{degree}" for degree in degrees for method in METHODS):
        searched = embeddings(folder / f"unadapted-{variant}.h5", images, 1.0)
        yield Embedded(f"unadapted/seed0/{variant}", reference, searched)
        for adaption in "ABC":
            model = f"{adaption}-{variant}"
            original = embeddings(folder / f"{model}-original.h5", images, 0.5)
            searched = embeddings(folder / f"{model}.h5", images, 1.2)
            yield Embedded(f"{model}/seed0/{variant}", original, searched)


def score(folder: Path, images: int, degrees: tuple[int, ...]) -> dict[str, Any]:
    """Score one data set, from embeddings on disk to the files of all scenarios."""
    folder.mkdir(parents=True, exist_ok=True)
    scored = list(scenarios(folder, images, degrees))
    names = [each.name for each in scored]
    tables = [folder / "retrieval" / f"{name}.parquet" for name in names]
    settings, shard = Retrieval(), folder / "shards" / "0.parquet"

    def work() -> None:
        score_shard(folder / "reference.h5", scored, settings, 0, shard)
        summaries = [path.with_suffix(".json") for path in tables]
        gather_scenarios([shard], names, settings, tables, summaries)

    _, spent = measure(work)
    return {
        "images": images,
        "rankings": 2 * len(scored),
        "minutes": round(spent["seconds"] / 60, 2),
        "cpu_minutes": round(spent["cpu_seconds"] / 60, 2),
        "peak_memory_gb": peak_memory_gb(),
    }


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(str(__doc__))
    emit({name: score(Path(sys.argv[1]) / name, *size) for name, size in SETS.items()})


if __name__ == "__main__":
    main()
