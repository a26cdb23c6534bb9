"""What stages cost, read from benchmark files as Snakemake writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from anonbench.core.errors import InputError
from anonbench.reporting.html.tables import COST_COLUMNS, stage_costs

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"


def job(folder: Path, name: str, seconds: float, cpu: str, memory: str) -> None:
    path = folder / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{HEAD}{seconds}\t0:00:00\t{memory}\t1\t1\t1\t0.0\t0.0\t90.0\t{cpu}\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "benchmarks"
    job(folder, "train/ids/A-seed0", 3600, "7200", "1000")
    job(folder, "train/ids/B-seed0", 1800, "1800", "2000")
    job(folder, "embed/ids", 36, "18", "500")
    job(folder, "manifest", 0.4, "NA", "NA")
    job(folder, "report", 100, "100", "100")  # the report's own does not count
    (folder / "notes.txt").write_text("no benchmark")
    return folder


def test_jobs_of_a_stage_add_up(folder: Path) -> None:
    costs = stage_costs(folder)
    assert list(costs.columns) == COST_COLUMNS
    assert costs["stage"].tolist() == ["train", "embed", "manifest"]
    train = costs.iloc[0]
    assert train["jobs"] == 2
    assert train["wall_hours"] == pytest.approx(1.5)
    assert train["cpu_hours"] == pytest.approx(2.5)
    assert train["longest_minutes"] == pytest.approx(60)
    assert train["peak_gb"] == pytest.approx(2000 * 1024**2 / 1e9)
    assert costs.iloc[1]["wall_hours"] == pytest.approx(0.01)
    assert costs.iloc[2][["cpu_hours", "peak_gb"]].tolist() == [0, 0]  # too short to be measured


def test_a_foreign_file_is_named(folder: Path) -> None:
    (folder / "train" / "mine.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"mine\.tsv: not a benchmark file"):
        stage_costs(folder)
