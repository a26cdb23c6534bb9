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


def test_jobs_of_a_stage_add_up_and_a_foreign_file_is_named(tmp_path: Path) -> None:
    job(tmp_path, "train/ids/A-seed0", 3600, "7200", "1000")
    job(tmp_path, "train/ids/B-seed0", 1800, "1800", "2000")
    job(tmp_path, "embed/ids", 36, "18", "500")
    job(tmp_path, "manifest", 0.4, "NA", "NA")
    job(tmp_path, "report", 100, "100", "100")  # the report's own does not count
    (tmp_path / "notes.txt").write_text("no benchmark")
    costs = stage_costs(tmp_path)
    assert list(costs.columns) == COST_COLUMNS
    train, embed, manifest = costs.to_dict("records")
    gigabytes = pytest.approx(2000 * 1024**2 / 1e9)
    assert list(train.values()) == ["train", 2, 1.5, 2.5, 60, gigabytes]
    assert embed["stage"] == "embed" and embed["wall_hours"] == pytest.approx(0.01)
    assert manifest["cpu_hours"] == manifest["peak_gb"] == 0  # too short to be measured
    (tmp_path / "train" / "mine.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(InputError, match=r"mine\.tsv: not a benchmark file"):
        stage_costs(tmp_path)
