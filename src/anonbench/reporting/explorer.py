"""Data of the report's retrieval explorer: a few queries in every scenario.

Unless originals may be shown, pictures come from `anonbench.reporting.shown_images`, and numbers
replace ids and labels, which may be names of files and people.
"""

from collections.abc import Mapping, Sequence
from itertools import chain, product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from PIL import Image

from anonbench.config import Retrieval
from anonbench.core.vocabulary import ORIGINAL, QueryKind, Variant
from anonbench.datasets.image_sets.neutral_names import Names
from anonbench.embedding.store import Embeddings, read_ids
from anonbench.evaluation.retrieval.scoring import metrics
from anonbench.evaluation.retrieval.vectors import draw_queries, rank, read_some
from anonbench.reporting.shown_images import Images, webp_uri

THUMBNAIL_BYTES = 1_200_000  # of a data set's pictures as embedded; above, they are smaller
EDGES = (192, 144, 112, 80, 56)  # longer edges in pixels, tried until all pictures fit
EXAMPLE_EDGE = 480  # longer edge of the example image on the report's first page
QUALITY = 60  # WebP quality: 2 kB for a face, 5 kB for a page of text, at an edge of 192 pixels


class ScenarioEmbeddings(NamedTuple):
    """A scenario's embeddings (HDF5)."""

    adaption: str  # `unadapted`, `control`, `A`, `B`, `C`, `pixels` or `untrained`
    variant: Variant
    originals: Path  # embeddings of the original images (original queries)
    images: Path  # embeddings of the variant's images (anonymized queries and the database)


def explore(
    dataset: str,
    reference: Path,
    scenarios: Sequence[ScenarioEmbeddings],
    images: Mapping[str, Images],
    manifest: Path,
    label: str | None,
    settings: Retrieval,
    queries: int,
    results: int,
) -> dict[str, Any]:
    """First `results` of so many `queries` in the reference and in every scenario.

    Args:
        reference: embeddings of the originals by the unadapted model (HDF5).
        images: image set of the pictures, by method; originals are shown if `original` is one.
        manifest: table with the column `label` of the classes, if there is one.
        settings: section `retrieval` of the config.

    Returns:
        What `explorer.js` reads, plain data: `names`, `labels` and `thumbnails` by image number;
        `queries` with the reference's results; `scenarios` with theirs, a list a query; `examples`,
        one image by each method, if there is one that may be shown for all.

    Raises:
        InputError: embeddings do not agree with the reference's, see `rank`.
    """
    ids = sorted(read_ids(reference)[0])
    settings = metrics.effective_settings(len(ids), settings)
    drawn = draw_queries(ids, queries)
    positions = [ids.index(image_id) for image_id in drawn]
    truth = rank(read_some(reference, drawn), reference, ids, settings.include_self)
    expected = _answers(truth, truth, results)
    # the query and the reference's results are originals, or every kind if those must not be shown
    beside = [ORIGINAL] if ORIGINAL in images else list(images)
    needed: set[tuple[str, int]] = set()  # pictures by kind and position

    def need(kinds: Sequence[str], answers: list[dict[str, Any]]) -> None:
        needed.update(product(kinds, chain(positions, *(each["images"] for each in answers))))

    need(beside, expected)
    found: list[dict[str, Any]] = []
    for scenario in scenarios:
        own = scenario.variant.method
        asked = {QueryKind.ORIGINAL: scenario.originals}
        asked |= {QueryKind.ANONYMIZED: scenario.images} if own else {}
        values = np.concatenate([read_some(path, drawn).values for path in asked.values()])
        queried = Embeddings(drawn * len(asked), values)  # all kinds at once: database read once
        ranked = rank(queried, scenario.images, ids, settings.include_self)
        answers = _answers(ranked, truth * len(asked), results)
        need([own] if own else beside, answers)
        key = {"method": own or ORIGINAL, "degree": scenario.variant.degree}
        key |= {"adaption": scenario.adaption}
        for query in asked:
            part, answers = answers[: len(drawn)], answers[len(drawn) :]
            found.append(key | {"query": query.value, "results": part})

    numbers = sorted({position for _, position in needed})
    number_of = {position: number for number, position in enumerate(numbers)}
    for answer in (*expected, *(each for scenario in found for each in scenario["results"])):
        answer["images"] = [number_of[position] for position in answer["images"]]
    shown = [ids[p] for p in numbers]
    names, labels = display_names(manifest, label, shown, ORIGINAL in images)
    pictures = {(k, p): _picture(images[k], ids[p], EDGES[0]) for k, p in sorted(needed)}
    sources: dict[tuple[str, int], str] = {}
    for edge in EDGES:  # the largest at which all fit, or the smallest
        shrunk = {key: scaled(picture, edge) for key, picture in pictures.items()}
        sources = {key: webp_uri(picture, quality=QUALITY) for key, picture in shrunk.items()}
        if sum(map(len, sources.values())) <= THUMBNAIL_BYTES:
            break
    return {
        "dataset": dataset,
        "images": len(ids),
        "k": metrics.cutoff(len(ids), settings),
        "originals": ORIGINAL in images,
        "examples": _examples(images, drawn),
        "names": names,
        "labels": labels,
        "queries": [
            {"image": number_of[position]} | answer
            for position, answer in zip(positions, expected, strict=True)
        ],
        "scenarios": found,
        "thumbnails": {kind: [sources.get((kind, p)) for p in numbers] for kind in images},
    }


_Rankings = Sequence[tuple[np.ndarray, np.ndarray]]  # positions and similarities (`rank`)


def _answers(found: _Rankings, truth: _Rankings, results: int) -> list[dict[str, Any]]:
    """First results of each query: positions, later numbers, and their reference ranks."""
    answers = []
    for (order, similarities), (reference, _) in zip(found, truth, strict=True):
        first = order[:results].tolist()
        similar = similarities[:results].astype(float).round(4).tolist()
        ranks = [int(np.flatnonzero(reference == image)[0]) + 1 for image in first]
        answers.append({"images": first, "similarities": similar, "ranks": ranks})
    return answers


def _examples(images: Mapping[str, Images], drawn: Sequence[str]) -> dict[str, dict[str, Any]]:
    """First query that may be shown for every method, by method; otherwise empty."""
    shown = (name for name in drawn if all(name in given for given in images.values()))
    if (image_id := next(shown, None)) is None:
        return {}
    pictures = {name: _picture(given, image_id, EXAMPLE_EDGE) for name, given in images.items()}
    return {
        name: {
            "source": webp_uri(each, quality=QUALITY),
            "width": each.width,
            "height": each.height,
        }
        for name, each in pictures.items()
    }


def display_names(
    manifest: Path, label: str | None, ids: Sequence[str], show_originals: bool
) -> tuple[list[str], list[str | None] | None]:
    """Display names of images and of their classes (column `label`, if any), or InputError.

    They are ids, and labels with the column's name (``class: letter``), only with `show_originals`;
    otherwise neutral names (``000012``, ``class 3``). A missing label is None.
    """
    names = Names.of(manifest, label)
    table = pd.read_parquet(manifest, columns=["id"] if label is None else ["id", label])
    rows = table.set_index("id", drop=False).loc[list(ids)]
    found = rows["id"] if show_originals else names.images(rows["id"], manifest)
    if label is None:
        return found.tolist(), None
    own = rows[label]
    labels = f"{label}: " + own.astype(str) if show_originals else names.classes(own, manifest)
    return found.tolist(), labels.astype(object).where(own.notna(), None).tolist()


def _picture(images: Images, image_id: str, edge: int) -> Image.Image:
    return scaled(Image.fromarray(images.read(image_id)).convert("RGB"), edge)


def scaled(picture: Image.Image, edge: int) -> Image.Image:
    """Downscale a picture whose longer edge has more pixels than `edge`."""
    longer = max(picture.size)
    width, height = (max(1, round(side * edge / longer)) for side in picture.size)
    return picture if longer <= edge else picture.resize((width, height), Image.Resampling.BOX)
