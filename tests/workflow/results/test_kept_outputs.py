"""What a failing job leaves of its earlier outputs: Snakemake's `update` and the jobs' records."""

from __future__ import annotations

from pathlib import Path

import pytest

import preloaded
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import verify

SNAKEFILE = """
rule model:
    output: update("results/model.txt")
    log: "results/model.log"
    params: fails=config["fails"], code="1"
    script: "model.py"
"""
SCRIPT = """
from pathlib import Path
from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    assert snakemake.params.fails != "before"
    if not cache.is_done():
        Path(snakemake.output[0]).write_text(snakemake.params.fails)
        assert snakemake.params.fails != "while"
"""


@pytest.mark.workflow
def test_a_failing_job_leaves_its_earlier_output_for_whom_it_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    (tmp_path / "model.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    output, log = Path("results/model.txt"), Path("results/model.log")

    def succeeds(fails: str) -> bool:
        given = ["--cores", "1", "--rerun-incomplete", "--config", f"fails={fails}"]
        return preloaded.completed("snakemake", given, tmp_path).returncode == 0

    assert succeeds("never")
    for failing in ("before", "while"):
        assert not succeeds(failing)
        assert output.read_text() == "never"
        with pytest.raises(InputError, match="nothing says what its job wrote into it"):
            verify(output, must_be_known=True)  # whoever reads it needs the other one
    assert succeeds("never")
    assert "outputs are kept" in log.read_text()
    verify(output, must_be_known=True)
