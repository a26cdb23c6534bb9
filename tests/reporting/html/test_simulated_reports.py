"""Simulated archives: what the report says of them is true in 93 % of repetitions at least."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from anonbench.core.vocabulary import Adaption, QueryKind
from anonbench.evaluation.comparisons.best import collect_best, second_columns
from anonbench.evaluation.comparisons.effect_table import measure, read_by_reference, tabulate
from anonbench.evaluation.decision import Judging
from anonbench.evaluation.scores import collect
from anonbench.reporting.choice_effects import Verdict, keep_model
from anonbench.reporting.choice_table import best_choices, choices, kept
from anonbench.reporting.summary import summarize
from simulated_archives import CONTROL_SEED, FLOOR, METRICS, NAME, TRAINED, Truth, write_archive

CONFIDENCE = 0.95
REFERENCES = (TRAINED, CONTROL_SEED)
ARCHIVES = 9  # so many make 54 repetitions, because metrics are drawn independently


def as_map(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return one repetition: the rows of a metric, as if they were of mAP."""
    return table[table["metric"] == metric].assign(metric="map")


@pytest.mark.slow
def test_ties_and_costs_are_said_and_quality_kept_covers_the_truth(tmp_path: Path) -> None:
    """In spite of a bias of 15 points by which the unadapted model leads in all of them."""
    truth = Truth({Adaption.A: 0.02}, {"pixelate": 0.05, "blur": 0.05, "mask": 0.15})
    generator = np.random.default_rng(3)
    told, lost, covered = [], [], []
    for _ in range(ARCHIVES):
        archive = write_archive(truth, tmp_path, generator)
        judging = Judging(archive.clusters, CONFIDENCE, 0.01)
        read = read_by_reference(archive.trained, REFERENCES, archive.own, [archive.second])
        effects_of_all = tabulate(NAME, measure(archive.trained, REFERENCES, read), judging)
        given = (archive.scenarios, archive.clusters, TRAINED, [CONTROL_SEED], CONFIDENCE)
        scores = summarize(collect(NAME, *given))
        columns = list(second_columns(archive.trained, REFERENCES, read))
        chosen = [column for column in columns if column.metric in METRICS]
        best = collect_best(NAME, [], chosen, judging, 100)
        for metric in METRICS:
            effects, summary = as_map(effects_of_all, metric), as_map(scores, metric)
            best_rows = as_map(best, metric)
            _, verdict, why = keep_model({NAME: effects})
            lost.append("loses in 6 of 6 comparisons" in why and verdict is Verdict.HOLDS)
            table = choices(NAME, summary, effects, bests=best_choices([best_rows]))
            of_originals = table[(table["query"] == "original") & (table["degree"] == 100)]
            first = of_originals.drop_duplicates("method")
            told.append(
                set(first["method"][:2]) == {"pixelate", "blur"}
                and set(first["adaption"]) == {"unadapted"}
                and first["kept_high"].iloc[1] >= first["kept_low"].iloc[0]
            )
            covered += list(_covered(truth, effects, summary))
    assert len(told) > 50 and np.mean(told) >= 0.93 and np.mean(lost) >= 0.93
    assert np.mean(covered) >= 0.93


def _covered(truth: Truth, effects: pd.DataFrame, summary: pd.DataFrame) -> Iterator[bool]:
    """Give whether the intervals of the quality kept hold the true one."""
    found = kept(effects, summary)
    for row in found[found["query"] == QueryKind.ORIGINAL].to_dict("records"):
        adaption = row["adaption"]
        also = 0.0 if adaption == "unadapted" else truth.adapting[Adaption(adaption)]
        score = truth.ceiling - truth.lost[row["method"]] - also
        true = (score - FLOOR) / (truth.ceiling - FLOOR)
        yield row["kept_low"] <= true <= row["kept_high"]
