"""Query kinds without own images: a head start that is no merit does not count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from anonbench.config import Retrieval
from anonbench.core.errors import InputError
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.query_kinds import COLUMNS, compare_kinds, without_own_images
from anonbench.evaluation.retrieval.metrics import PER_QUERY
from anonbench.evaluation.retrieval.scenario import score

IDS = [f"{number:03d}" for number in range(200)]
ALONE = without_own_images(Retrieval())


def embedded(values: np.ndarray) -> Embeddings:
    return Embeddings(IDS, values.astype(np.float32))


def world(settings: Retrieval) -> pd.DataFrame:
    """Scores of a model that sees of anonymized images next to nothing, and of originals all."""
    draw = np.random.default_rng(0).standard_normal
    original = draw((200, 24))
    database = embedded(0.15 * original + draw((200, 24)))
    queries = {"original": embedded(original), "anonymized": database}
    return score(embedded(original), queries, database, settings).table


def test_own_images_turn_the_order_round() -> None:
    means = world(Retrieval()).groupby("query")["ap"].mean()
    assert means["anonymized"] > means["original"] + 0.03
    found = compare_kinds(world(ALONE), ALONE, 0.95).set_index("metric")
    assert found.loc["map", "high"] < 0.0
    assert found.loc["map", "original"] > found.loc["map", "anonymized"]


def test_it_is_a_paired_t_test() -> None:
    table = world(ALONE)
    table.loc[table["id"] == "007", "ndcg"] = np.nan
    found = compare_kinds(table.sample(frac=1, random_state=0), ALONE, 0.9)
    assert list(found.columns) == COLUMNS and found["metric"].tolist() == list(PER_QUERY)
    rows = {kind: of.set_index("id")["ndcg"].dropna() for kind, of in table.groupby("query")}
    expected = scipy.stats.ttest_rel(rows["anonymized"], rows["original"])
    row = found.set_index("metric").loc["mndcg"]
    assert row["n"] == 199
    assert row["p"] == pytest.approx(expected.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert row["difference"] == pytest.approx(row["anonymized"] - row["original"])


def test_what_cannot_be_compared() -> None:
    table = world(ALONE)
    with pytest.raises(InputError, match=r"retrieval\.include_self: false"):
        compare_kinds(table, Retrieval(), 0.95)
    with pytest.raises(InputError, match="there are no anonymized queries"):
        compare_kinds(table[table["query"] == "original"], ALONE, 0.95)
