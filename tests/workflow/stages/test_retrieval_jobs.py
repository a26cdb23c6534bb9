"""Retrieval in the workflow: an added method and shards change no other score."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.core.jobs.checksums import digest_file
from anonbench.core.jobs.job_cache import JobCache
from anonbench.embedding.store import Embeddings, write_embeddings

pytestmark = [pytest.mark.workflow, pytest.mark.slow]

IDS = [f"{number:03d}" for number in range(40)]


def embed(folder: Path, config: dict[str, Any]) -> list[str]:
    """Write the embeddings that are missing; return the scenarios."""
    names = []
    for run in Experiment(load(config)).scenarios("portraits"):
        base = folder / "results/portraits/embeddings" / f"{run.model}/seed{run.seed}"
        for variant in {"original", str(run.variant)}:
            path = base / variant / "val.h5"
            values = np.random.default_rng(len(str(path))).standard_normal((len(IDS), 8))
            if not path.exists():
                write_embeddings(path, Embeddings(IDS, values.astype(np.float32)))
                outputs = [str(path), digest_file(str(path))]
                JobCache([], outputs, {}, folder / "results").end()
        names.append(f"{run.model}/seed{run.seed}/{run.variant}")
    return names


def test_an_added_method_and_shards_change_no_other_score(
    snakemake: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    config = deepcopy(miniature)
    results = tmp_path / "results/portraits/retrieval"

    def run(shards: int) -> tuple[list[str], dict[str, bytes]]:
        names = embed(tmp_path, config)
        config["retrieval"]["shards"] = shards
        target = f"results/portraits/retrieval/{names[0]}.json"
        only = ["--allowed-rules", "retrieve_portraits", "rankings_portraits", "--"]
        done = snakemake(tmp_path, config, "--cores", "1", *only, target)
        assert done.returncode == 0, done.stderr[-4000:]
        return names, {name: (results / f"{name}.parquet").read_bytes() for name in names}

    names, before = run(shards=1)
    config["datasets"]["portraits"]["methods"].append("pixelate")
    more, after = run(shards=1)
    assert len(more) > len(names)
    assert {name: after[name] for name in names} == before
    assert run(shards=2)[1] == after
    summary = json.loads((results / f"{more[-1]}.json").read_text(encoding="utf-8"))
    assert summary["queries"]["anonymized"]["n"] == len(IDS)
