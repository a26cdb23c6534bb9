"""Ways to score a large archive: exactly from a sample of queries, and by FAISS's IVF and HNSW.

    OMP_NUM_THREADS=1 python benchmarks/bench_approximate.py

Images in clusters, changed by noise. Each way runs in a process of its own, so that its peak memory
is its own. Exact search is streamed over the archive; an index is built on both the reference and
the database, of which the build's seconds are one.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from common import emit, measure, peak_memory_gb

from anonbench.config import Retrieval
from anonbench.core.numeric.statistics import standard_error
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.retrieval import approximate
from anonbench.evaluation.retrieval.approximate import score_approximately
from anonbench.evaluation.retrieval.scoring.rows import draw
from anonbench.evaluation.retrieval.stage import scenario
from anonbench.evaluation.retrieval.vectors import Vectors

IMAGES, WIDTH, CLUSTERS = 50_000, 128, 500
QUERIES, CHECKED, K = 2_000, 200, 100
SETTINGS = Retrieval(ap_depth="k", fraction=(K + 0.5) / IMAGES)


def embedded() -> tuple[Embeddings, Embeddings, Embeddings]:
    """Return reference, queries (a random sample) and database."""
    generator = np.random.default_rng(0)
    ids = [f"{number:06d}" for number in range(IMAGES)]
    centres = generator.standard_normal((CLUSTERS, WIDTH), dtype=np.float32)
    values = centres[generator.integers(0, CLUSTERS, IMAGES)]
    values += generator.standard_normal(values.shape, dtype=np.float32)
    changed = values + 0.7 * generator.standard_normal(values.shape, dtype=np.float32)
    drawn = draw(ids, QUERIES)
    queries = Embeddings([ids[row] for row in drawn], changed[drawn])
    return Embeddings(ids, values), queries, Embeddings(ids, changed)


def exact() -> dict[str, Any]:
    """Score a sample of the queries against the whole archive."""
    reference, queries, database = embedded()
    drawn = draw(queries.ids, CHECKED)
    sample = Embeddings([queries.ids[row] for row in drawn], queries.values[drawn])
    before = peak_memory_gb()
    scores, spent = measure(
        lambda: scenario.score(reference, {"queries": sample}, database, SETTINGS, streamed=True)
    )
    ap = scores.table["ap"].to_numpy()
    return {
        "queries": CHECKED,
        "all": spent,
        "gb_beyond_embeddings": round(peak_memory_gb() - before, 3),
        "map_at_k": round(ap.mean(), 4),
        "standard_error": round(standard_error(ap), 4),
    }


def by_index(kind: approximate.Index) -> dict[str, Any]:
    """Score all queries by an index, and compare with exact scores on some of them."""
    reference, queries, database = embedded()
    before = peak_memory_gb()
    index = index_alone(kind, Vectors.of(database, "database"), Vectors.of(queries, "queries"))
    (scores, difference), spent = measure(
        lambda: score_approximately(reference, queries, database, K, SETTINGS, kind, CHECKED)
    )
    rows = difference.table.set_index("metric").loc["map"]
    return {
        "queries": QUERIES,
        **index,
        "all": spent,
        "gb_beyond_embeddings": round(peak_memory_gb() - before, 3),
        "recall": {f"first {depth}": round(share, 4) for depth, share in difference.recall.items()},
        "map_at_k": round(scores.table["ap"].mean(), 4),
        "map_at_k_minus_exact": round(rows["difference"], 5),
        "standard_error_of_it": round(rows["se"], 5),
    }


def index_alone(kind: approximate.Index, searched: Vectors, asked: Vectors) -> dict[str, Any]:
    """Time building an index, and searching it."""
    find, built = measure(lambda: approximate.build(searched, kind, K))
    _, found = measure(lambda: find(asked.units(), K))
    return {"build": built, "search": found}


def in_own_process(work: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """Run in a new process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


if __name__ == "__main__":
    size = {"images": IMAGES, "dimensions": WIDTH, "k": K, "compared_on": CHECKED}
    ways = {"exact sample": in_own_process(exact), "ivf": in_own_process(by_index, "ivf")}
    emit(size | ways | {"hnsw": in_own_process(by_index, "hnsw")})
