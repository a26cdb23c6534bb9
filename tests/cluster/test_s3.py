"""Results in S3: the bytes of a run without it; a folder without records of them is refused."""

import os
import re
import signal
import subprocess
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from small_runs import Storage, command, digests, snakemake, wait_for

import preloaded

pytestmark = [pytest.mark.slow, pytest.mark.workflow]

NO_PROFILE = ["--workflow-profile", "none", "--rerun-triggers", "mtime", "params", "input"]
RUN = ["--cores", "2", "--resources", "gpu=4", *NO_PROFILE, "--rerun-incomplete"]
# everything is shared but inputs and outputs: these go through the bucket
NOT_SHARED = ["--shared-fs-usage", "persistence", "software-deployment", "sources", "source-cache"]
TARGETS = [
    "results/figures/examples_portraits.png",
    "results/portraits/models/unadapted/seed0/backbone.safetensors",
]


def planned(run: subprocess.CompletedProcess[str]) -> dict[str, int]:
    assert run.returncode == 0, run.stderr[-4000:]
    stats = (run.stdout + run.stderr).split("Job stats:")[1]
    table = re.findall(r"^(\w+) +(\d+)$", stats, re.MULTILINE)
    return {rule: int(count) for rule, count in table}


def test_results_in_s3_are_those_of_one_folder(
    root: Path, tmp_path: Path, config: dict[str, Any], storage: Storage
) -> None:
    snakefile = root / "Snakefile"
    here, one, other = (tmp_path / name for name in ("here", "one", "other"))
    through = [*storage.arguments, *NOT_SHARED]
    local = snakemake(snakefile, here, config, *RUN, "--", *TARGETS)
    assert local.returncode == 0, local.stderr[-4000:]

    relative = deepcopy(config)
    relative["datasets"]["portraits"]["path"] = "data/portraits"
    refused = snakemake(snakefile, one, relative, *RUN, *storage.arguments, "-n")
    assert refused.returncode != 0
    assert "datasets.portraits.path: data/portraits is relative" in refused.stdout

    # killed where the first images are anonymized
    said = tmp_path / "said.txt"
    _, *given = command(snakefile, one, config, *RUN, *through, "--", *TARGETS)
    programs = tmp_path / "bin"
    programs.mkdir()
    arguments = [preloaded.programs(programs) / "snakemake", *given]
    with said.open("wb") as file:
        run = subprocess.Popen(
            arguments, cwd=one, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        images = "results/portraits/images/original/train/0.parquet.digest"
        wait_for(lambda: images in storage.times(), run, said)
        os.killpg(run.pid, signal.SIGKILL)  # as a machine that is switched off
        run.wait()
    before = storage.times()
    assert not (one / "results").exists()

    # what it made is described by its own folder alone
    refused = snakemake(snakefile, other, config, *RUN, *through, "-n", "--", *TARGETS)
    assert refused.returncode != 0
    assert "Snakemake's records of these results are not in" in refused.stdout
    unlocked = snakemake(snakefile, one, config, *RUN, *through, "--unlock")
    assert unlocked.returncode == 0, unlocked.stderr[-4000:]
    went_on = snakemake(snakefile, one, config, *RUN, *through, "--", *TARGETS)
    assert went_on.returncode == 0, went_on.stderr[-4000:]
    after = storage.times()
    for key in ("manifest.parquet.digest", "detect/train/0.images.parquet.digest"):
        assert after[f"results/portraits/{key}"] == before[f"results/portraits/{key}"]

    expected = digests(here)
    assert len(expected) > 15
    assert storage.digests() == expected

    # it plans what a run without a storage plans
    edited = deepcopy(config)
    edited["recipes"]["portraits"]["optimizer"]["steps"] = 3
    edited["presentation"] = {"dpi": 77}
    plain = planned(snakemake(snakefile, here, edited, *RUN, "-n", "--", *TARGETS))
    assert plain == {"train_unadapted": 1, "examples": 1, "total": 2}
    stored = snakemake(snakefile, one, edited, *RUN, *through, "-n", "--", *TARGETS)
    assert planned(stored) == plain

    # a job is done again whose outputs are in the bucket alone
    forced = ["--forcerun", "gather_portraits", "--", "results/portraits/counts.csv"]
    again = snakemake(snakefile, one, config, *RUN, *through, *forced)
    assert again.returncode == 0, again.stderr[-4000:]
    assert storage.digests() == expected
