"""Query kinds without own images: a head start that is no merit does not count."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from anonbench.config import Retrieval
from anonbench.config.outputs import Scenario
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import Adaption, Model, Variant
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.comparisons.pairwise import KIND_COLUMNS, compare_kinds
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.retrieval.stage.scenario import score

IDS = [f"{number:03d}" for number in range(200)]
PERSONS = pd.Series(np.arange(200) // 5, index=IDS)
EACH = pd.Series(np.arange(200), index=IDS)
APART = Retrieval().without_own_images()
BLUR = Variant("blur", 100)
RUN = Scenario(Model(), 0, BLUR)


def embedded(values: np.ndarray) -> Embeddings:
    return Embeddings(IDS, values.astype(np.float32))


def world(settings: Retrieval, seed: int = 0) -> pd.DataFrame:
    """Scores of a model that sees of anonymized images next to nothing, and of originals all."""
    draw = np.random.default_rng(seed).standard_normal
    original = draw((200, 24))
    database = embedded(0.15 * original + draw((200, 24)))
    queries = {"original": embedded(original), "anonymized": database}
    return score(embedded(original), queries, database, settings).table


def written(folder: Path, tables: dict[Scenario, pd.DataFrame]) -> Path:
    path = folder / "scores.parquet"
    pd.concat([t.assign(scenario=run.path) for run, t in tables.items()]).to_parquet(path)
    return path


def compared(
    folder: Path, tables: dict[Scenario, pd.DataFrame], clusters: pd.Series = EACH
) -> pd.DataFrame:
    judging = Judging(clusters, 0.95, 0.03)
    return compare_kinds("faces", list(tables), written(folder, tables), judging)


def test_own_images_turn_the_order_round(tmp_path: Path) -> None:
    means = world(Retrieval()).groupby("query")["ap"].mean()
    assert means["anonymized"] > means["original"] + 0.03
    row = compared(tmp_path, {RUN: world(APART)}).set_index("metric").loc["map"]
    assert row["high"] < 0.0 and row["verdict"] == "worse"
    assert row["original"] > row["anonymized"]


def test_single_images_are_a_paired_t_test(tmp_path: Path) -> None:
    table = world(APART)
    table.loc[(table["id"] == "007") & (table["query"] == "original"), "ndcg"] = np.nan
    found = compared(tmp_path, {RUN: table.sample(frac=1, random_state=0)})
    assert list(found.columns) == KIND_COLUMNS and found["metric"].tolist() == list(PER_QUERY)
    kinds = table.pivot(index="id", columns="query", values="ndcg").dropna()
    expected = scipy.stats.ttest_rel(kinds["anonymized"], kinds["original"])
    row = found.set_index("metric").loc["mndcg"]
    assert row["n"] == row["clusters"] == 199
    assert row["p"] == pytest.approx(expected.pvalue)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert row["difference"] == pytest.approx(row["anonymized"] - row["original"])


def test_persons_are_the_clusters_and_too_few_have_a_reason(tmp_path: Path) -> None:
    tables = {RUN: world(APART)}
    row = compared(tmp_path, tables, PERSONS).iloc[0]
    assert row["clusters"] == 40 and row["reason"] == ""
    few = compared(tmp_path, tables, PERSONS // 10).iloc[0]
    assert few["clusters"] == 4 and few["reason"].startswith("4 clusters")
    assert few["verdict"] == "not known" and np.isnan(few["low"])


def test_seeds_are_averaged_and_rows_adjusted_together(tmp_path: Path) -> None:
    adapted = Model(Adaption.A, BLUR)
    tables = {
        RUN: world(APART),
        Scenario(Model(), 3, BLUR): world(APART, 3),
        Scenario(adapted, 0, BLUR): world(APART, 4),
    }
    found = compared(tmp_path, tables)
    assert found["metric"].tolist()[:4] == ["map", "map", "mndcg", "mndcg"]
    assert found["adaption"].tolist()[:4] == 2 * ["unadapted", "A"]
    assert found["seeds"].tolist()[:4] == 2 * [2, 1]
    means = [tables[run].groupby("query")["ap"].mean() for run in list(tables)[:2]]
    assert found.loc[0, "original"] == pytest.approx(np.mean([m["original"] for m in means]))
    smaller, larger = sorted(found["p"][:2])
    assert 0 < 2 * smaller < larger < 1
    assert sorted(found["p_holm"][:2]) == pytest.approx([2 * smaller, larger])


def test_both_kinds_are_needed(tmp_path: Path) -> None:
    table = world(APART)
    with pytest.raises(InputError, match="unadapted/seed0/blur-100 has no anonymized queries"):
        compared(tmp_path, {RUN: table[table["query"] == "original"]})
