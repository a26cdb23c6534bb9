"""CPU seconds and peak memory of the demo's stages, from Snakemake's benchmark files."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from common import emit

RECORDS = Path(__file__).resolve().parents[1] / "results" / "benchmarks"


def stage(tables: list[pd.DataFrame]) -> dict[str, float]:
    rows = pd.concat(tables)
    # short jobs have no value
    used = rows[["cpu_time", "max_rss"]].apply(pd.to_numeric, errors="coerce").fillna(0)
    return {
        "jobs": len(rows),
        "job_seconds": round(float(rows["s"].sum()), 1),
        "cpu_seconds": round(float(used["cpu_time"].sum()), 1),
        "peak_memory_mb": round(float(used["max_rss"].max())),
    }


def main() -> None:
    if not RECORDS.is_dir():
        emit({"skipped": "no results/benchmarks: run `make demo` first"})
        return
    tables: dict[str, list[pd.DataFrame]] = {}
    for path in sorted(RECORDS.rglob("*.tsv")):
        name = path.relative_to(RECORDS).parts[0].removesuffix(".tsv")
        tables.setdefault(name, []).append(pd.read_csv(path, sep="\t"))
    stages = {name: stage(each) for name, each in tables.items()}
    summed = ("jobs", "job_seconds", "cpu_seconds")
    total = {key: round(sum(each[key] for each in stages.values()), 1) for key in summed}
    emit({"what": "the demo, by stage", "total": total, "stages": stages})


if __name__ == "__main__":
    main()
