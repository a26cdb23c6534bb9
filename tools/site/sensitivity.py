"""What the headline changes by, setting by setting: one run for each, of what it invalidates.

`python tools/site/sensitivity.py`, with the files that config/celeba_sensitivity.yaml names.
Writes docs/explanation/findings/sensitivity.csv: a row a change, system and query kind.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "config/celeba_sensitivity.yaml"
RESULTS = ROOT / "results/celeba_sensitivity"
OUTPUT = ROOT / "docs/explanation/findings/sensitivity.csv"
SYSTEMS = ("hog",)
METHODS = ("pixelate", "blur", "mask")

CHANGES: dict[str, dict[str, Any]] = {
    "as published": {},
    "k: 1 %": {"retrieval": {"fraction": 0.01}},
    "k: 10 %": {"retrieval": {"fraction": 0.1}},
    "own image left out": {"retrieval": {"include_self": False}},
    "gains of relevant images alone": {"retrieval": {"gain_of": "relevant"}},
    "negative gains as zero": {"retrieval": {"negative_gain": "clip"}},
    "average precision to depth k": {"retrieval": {"ap_depth": "k"}},
    "boxes grown by 20 %": {"anonymization": {"margin": 1.2}},
    "blur half as strong": {"anonymization": {"blur": {"sigma": {"face": 0.06}}}},
    "blur twice as strong": {"anonymization": {"blur": {"sigma": {"face": 0.24}}}},
    "pixelation half as strong": {"anonymization": {"pixelate": {"blocks": {"face": 16}}}},
    "pixelation twice as strong": {"anonymization": {"pixelate": {"blocks": {"face": 4}}}},
    "detector less strict": {"detection": {"mtcnn": {"thresholds": [0.5, 0.6, 0.6]}}},
    "detector stricter": {"detection": {"mtcnn": {"thresholds": [0.7, 0.8, 0.9]}}},
}
"""Changed settings by what the table calls them."""


def main() -> None:
    """Run each change, then write the table."""
    tables = [run(name, change) for name, change in CHANGES.items()]
    OUTPUT.parent.mkdir(exist_ok=True)
    pd.concat(tables).to_csv(OUTPUT, index=False, float_format="%.6g", lineterminator="\n")


def run(name: str, change: dict[str, Any]) -> pd.DataFrame:
    """Return the scores under a change, what ran again for it, and the CPU seconds that took."""
    with tempfile.TemporaryDirectory() as folder:
        override = Path(folder) / "change.yaml"
        override.write_text(yaml.safe_dump(change), encoding="utf-8")
        files = ["--configfile", str(BASE), *([str(override)] if change else [])]
        targets = [f"{system}_scores" for system in SYSTEMS]
        plan = _called("anonbench", "plan", *targets, "--json", *files)
        stages = Counter(job["stage"] for job in json.loads(plan)["jobs"])
        before = _cpu()
        _called("snakemake", *targets, "--cores", "2", *files)
        seconds = _cpu() - before
    ran = ", ".join(f"{count} {stage}" for stage, count in stages.items())
    print(f"{name}: {seconds:.0f} CPU-s; {ran or 'nothing'}", flush=True)
    return headline().assign(change=name, ran=ran, cpu_seconds=round(seconds))


def headline() -> pd.DataFrame:
    """Return mAP and mnDCG of each method by system and query kind, in percent."""
    rows = []
    for system in SYSTEMS:
        scores = pd.read_csv(RESULTS / system / "scores.csv")
        scores = scores[scores["metric"].isin(["map", "mndcg"]) & scores["method"].isin(METHODS)]
        scores = scores[scores["adaption"] == "unadapted"]  # the system, not the pixels beside it
        for query, own in scores.groupby("query"):
            values = own.set_index(["metric", "method"])["value"] * 100
            cells = {
                f"{metric}_{method}": values[metric, method] for metric, method in values.index
            }
            rows.append({"change": "", "system": system, "query": query, **cells})
    return pd.DataFrame(rows)


def _called(program: str, *arguments: str) -> str:
    command = [str(Path(sys.executable).with_name(program)), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
