"""What the stage privacy writes."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from anonbench.evaluation.privacy.rates import RATE_COLUMNS, REMAINDER, read_rates

pytestmark = [pytest.mark.workflow, pytest.mark.slow]


def test_rates_table_and_front_are_there(done: Path) -> None:
    results = done / "results"
    for dataset, entity in (("portraits", "face"), ("documents", "text")):
        rates = read_rates(results / dataset / "privacy" / "reidentification.csv")
        assert rates.columns.tolist() == RATE_COLUMNS
        run = rates[rates["rate"].notna()]
        assert set(run["entity"]) == {entity}
        probes = pd.read_parquet(results / dataset / "privacy" / "probes.parquet")
        assert (
            run["n"].max()
            == probes.groupby(["method", "degree", "attacker", "against"])["id"].size().max()
        )
        for suffix in ("csv", "md", "tex"):
            assert (results / "tables" / f"reidentification_{dataset}.{suffix}").stat().st_size > 60
        for stem in ("map", "mndcg"):
            for suffix in ("png", "svg"):
                path = results / "figures" / f"front_{dataset}_{stem}.{suffix}"
                assert path.stat().st_size > 5000


def test_masks_hide_best_and_degrees_count(done: Path) -> None:
    results = done / "results"
    faces = read_rates(results / "portraits" / "privacy" / "reidentification.csv")
    around = faces[(faces["regions"] == REMAINDER) & (faces["rank"] == 1)]
    assert set(around["method"]) == {"original", "blur", "mask"}
    assert around["rate"].nunique() == 1  # no method hides it
    seen = faces["regions"] != REMAINDER
    blind = faces[seen & (faces["method"] == "mask") & (faces["against"] == "anonymized")]
    assert blind["rate"].tolist() == pytest.approx(blind["chance"].tolist())
    lines = read_rates(results / "documents" / "privacy" / "reidentification.csv")
    masked = lines[(lines["method"] == "mask") & (lines["rank"] == 1) & lines["rate"].notna()]
    for attacker in ("naive", "supervised"):
        found = masked.set_index(["attacker", "degree", "regions"])["rate"][attacker]
        assert found[50, "all"] > found[100, "all"] and found[100, "hidden"] < 0.1
    assert "no model is adapted" in lines["reason"].str.cat()


def test_the_report_says_that_so_few_give_no_rate(done: Path) -> None:
    page = (done / "results" / "report.html").read_text(encoding="utf-8")
    assert "sensitive regions are re-identified" not in page
    assert re.search(r"persons, and 20 are needed", page)
