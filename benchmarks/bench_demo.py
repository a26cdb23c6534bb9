"""What the demo's stages cost, from the files that Snakemake wrote while it ran (`make demo`)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from common import emit

RECORDS = Path(__file__).resolve().parents[1] / "results" / "benchmarks"


def stage(folder: Path) -> dict[str, float]:
    rows = pd.concat([pd.read_csv(path, sep="\t") for path in sorted(folder.rglob("*.tsv"))])
    return {
        "jobs": len(rows),
        "job_seconds": round(float(rows["s"].sum()), 1),
        "cpu_seconds": round(float(pd.to_numeric(rows["cpu_time"], errors="coerce").sum()), 1),
        "peak_memory_mb": round(float(pd.to_numeric(rows["max_rss"], errors="coerce").max())),
    }


def main() -> None:
    if not RECORDS.is_dir():
        emit({"skipped": "no results/benchmarks: run `make demo` first"})
        return
    stages = {folder.name: stage(folder) for folder in sorted(RECORDS.iterdir()) if folder.is_dir()}
    total = {key: round(sum(s[key] for s in stages.values()), 1) for key in ("jobs", "job_seconds")}
    emit({"what": "the demo, by stage", "total": total, "stages": stages})


if __name__ == "__main__":
    main()
