"""What a failing job leaves of its earlier outputs: Snakemake's `update` and the jobs' records."""

from pathlib import Path

import pytest

import preloaded
from anonbench.core.errors import InputError
from anonbench.core.jobs.checksums import verify

SNAKEFILE = """
from anonbench.workflow.rule_parts import RuleFiles

files = RuleFiles(workflow, "results")

rule reader:
    input: "results/model.txt"
    output: "results/read.txt"
    shell: "cp {input} {output}"

rule model:
    output: **files.updated(model="results/model.txt")
    log: "results/model.log"
    params: run=files.last_run(), text=config["text"], code="1"
    script: "model.py"
"""
SCRIPT = """
from pathlib import Path
from anonbench.core.jobs.job import job

fails = Path("fails").read_text()
assert fails != "early"
with job(snakemake, __file__) as cache:
    assert fails != "before"
    if not cache.is_done():
        Path(snakemake.output.model).write_text(snakemake.params.text)
        assert fails != "while"
"""


@pytest.mark.workflow
def test_a_failed_job_has_no_new_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    (tmp_path / "model.py").write_text(SCRIPT, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    output, log = Path("results/model.txt"), Path("results/model.log")

    def succeeds(text: str, fails: str = "") -> bool:
        Path("fails").write_text(fails)
        given = ["--cores", "1", "--rerun-incomplete", "--config", f"text={text}"]
        return preloaded.completed("snakemake", given, tmp_path).returncode == 0

    assert succeeds("first")
    for fails in ("early", "before", "while"):
        assert not succeeds("second", fails)
        assert output.read_text() == "first"
    with pytest.raises(InputError, match="nothing says what its job wrote into it"):
        verify(output, must_be_known=True)  # whoever reads it needs the other one
    assert succeeds("first")
    assert "outputs are kept" in log.read_text()
    verify(output, must_be_known=True)
    for fails in ("early", "while"):
        assert not succeeds(fails, fails) and not succeeds(fails, fails) and succeeds(fails)
        assert output.read_text() == Path("results/read.txt").read_text() == fails
    before = output.stat().st_mtime_ns
    assert succeeds(fails) and output.stat().st_mtime_ns == before, "nothing is left to do"
