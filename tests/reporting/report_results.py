"""What a report is made of, synthetic, in the shape that the workflow writes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import synthetic_results
from PIL import Image

from anonbench.config.outputs import Figure, Table
from anonbench.core.io import write_json
from anonbench.core.numeric.seeding import rng
from anonbench.reporting.grid_tables import COST_COLUMNS
from anonbench.reporting.html.page import DatasetSection
from synthetic_rates import make_rates

PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9Q"
    "DwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def make_explorer(dataset: str, ids: tuple[str, ...] = (), label: str = "letter") -> dict[str, Any]:
    """Return an explorer of random rankings; `ids` name the first images."""
    images, queries, results = 30, 3, 5
    names = [*ids, *(f"{i + 1:06d}" for i in range(len(ids), images))]

    def answer(query: int, *key: object) -> dict[str, Any]:
        shown = [query, *(rng(query, *key).permutation(range(queries, images))[: results - 1])]
        return {
            "images": [int(i) for i in shown],
            "similarities": [round(1 - 0.05 * i, 4) for i in range(results)],
            "ranks": [1, *(int(r) for r in rng("rank", query, *key).integers(2, 30, results - 1))],
        }

    return {
        "dataset": dataset,
        "images": images,
        "k": 8,
        "originals": False,
        "examples": {m: {"source": PIXEL, "width": 1, "height": 1} for m in ("blur", "mask")},
        "names": names,
        "labels": [f"class: {label}"] * images,
        "queries": [{"image": q, **answer(q, "reference")} for q in range(queries)],
        "scenarios": [
            {"method": method, "degree": degree, "adaption": adaption, "query": query}
            | {"results": [answer(q, method, degree, adaption, query) for q in range(queries)]}
            for method in ("blur", "mask")
            for degree in ((50, 100) if method == "blur" else (100,))
            for adaption in ("unadapted", "A")
            for query in ("original", "anonymized")
        ],
        "thumbnails": {method: [PIXEL] * images for method in ("blur", "mask")},
    }


def make_effort(folder: Path, jobs: int = 2) -> Path:
    """Write what stages took, and return where it is; without jobs nothing was measured."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [("train", jobs, 2.5, 4.9, 150.0, 2.5), ("embed", jobs, 0.1, 0.1, 5, 1)]
    costs = pd.DataFrame(rows if jobs else [], columns=COST_COLUMNS)
    costs.to_csv(folder / "cost.csv", index=False)
    return folder / "cost.csv"


def section(
    folder: Path, name: str, scores: pd.DataFrame, degrees: Sequence[int], labelled: bool = True
) -> DatasetSection:
    results, correlation = (
        synthetic_results.write_results(folder, scores),
        folder / "correlation.csv",
    )
    png, explorer = folder / "figure.png", folder / "explorer.json"
    Image.new("RGB", (900, 300), "white").save(png)
    synthetic_results.make_correlations(undefined=True).to_csv(correlation, index=False)
    write_json(explorer, make_explorer(name))
    tables = {
        "comparisons": synthetic_results.make_comparisons(scores),
        "rates": make_rates(name, tuple(degrees)),
        "effects": synthetic_results.make_effects(scores),
        "best": synthetic_results.make_best(scores),
        "trainings": synthetic_results.make_trainings(),
        "deployments": synthetic_results.make_deployments(),
    } | ({"quality": synthetic_results.make_quality()} if labelled else {})
    files = {kind: folder / f"{kind}.csv" for kind in tables}
    for kind, table in tables.items():
        table.to_csv(files[kind], index=False)
    figures = [Figure("front", name, None, "map"), Figure("trend", name, None, "map", "original")]
    figures += [Figure(kind, name) for kind in ("examples", "attention", "learning", "detection")]
    figures += [Figure("correlation", name, degree) for degree in degrees if labelled]
    kinds = ("retrieval", "downstream") if labelled else ("retrieval",)
    return DatasetSection(
        name,
        results | files | {"explorer": explorer},
        [Table(kind, name, degree) for degree in degrees for kind in kinds],
        [(figure, png) for figure in figures],
        dict.fromkeys(degrees, correlation) if labelled else {},
    )
