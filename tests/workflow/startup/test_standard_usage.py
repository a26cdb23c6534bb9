"""The workflow as others take it: by `workflow/Snakefile`, as a module, from the catalog."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from planned_jobs import planned

import preloaded
from anonbench.config import Config

FOREIGN = """
configfile: "config/config.yaml"

module anonbench:
    snakefile: "{snakefile}"
    config: config

use rule * from anonbench as anonbench_*

rule mine:
    input: "results/report.html"
    output: "mine.txt"
    script: "mine.py"
"""
PLAN = ("-n", "--cores", "1", "--workflow-profile", "none")


@pytest.mark.workflow
def test_the_workflow_as_a_module_is_that_of_the_clone(
    root: Path, output_of: Any, miniature: dict[str, Any], tmp_path: Path
) -> None:
    sets = miniature["datasets"]
    # a name that ends as the name of a group of tables
    alike = sets["portraits"] | {"paper_role": None, "path": "data/alike"}
    miniature = miniature | {"datasets": sets | {"portraits_other": alike}}
    run = output_of(tmp_path, miniature, *PLAN)
    own = planned(run)
    logs = re.findall(r"^ +log: (.+)$", run, re.MULTILINE)
    assert len(set(logs)) == len(logs) > 100, "a job writes over the log of another"

    (tmp_path / "config").mkdir()
    config = tmp_path / "config/config.yaml"
    config.write_text(yaml.safe_dump(miniature), encoding="utf-8")
    text = FOREIGN.format(snakefile=root / "workflow/Snakefile")
    (tmp_path / "Snakefile").write_text(text, encoding="utf-8")
    (tmp_path / "mine.py").write_text("open(snakemake.output[0], 'w')", encoding="utf-8")

    def foreign(*arguments: str) -> str:
        run = preloaded.completed("snakemake", ["--cores", "1", *arguments], tmp_path)
        assert run.returncode == 0, run.stderr[-3000:]
        return run.stdout + run.stderr

    expected = {f"anonbench_{rule}": count for rule, count in own.items() if rule != "all"}
    assert planned(foreign("-n", "mine")) == expected | {"mine": 1}
    table = "results/tables/scenarios_portraits"
    foreign(f"{table}.csv")
    assert (tmp_path / f"{table}.tex").stat().st_size > 500
    assert (tmp_path / "results/benchmarks/table/scenarios.tsv").exists()
    assert not planned(foreign("-n", f"{table}.csv"))


def test_what_is_deployed_is_the_demos_and_described(root: Path) -> None:
    text = (root / ".snakemake-workflow-catalog.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["usage"]["software-stack-deployment"]["conda"] is True
    deployed = (root / "config/config.yaml").read_text(encoding="utf-8")
    assert deployed == (root / "config.yaml").read_text(encoding="utf-8")
    text = (root / "config/README.md").read_text(encoding="utf-8")
    for path in (root / "config").glob("*.yaml"):
        assert f"`{path.name}`" in text, path.name
    for key in Config.model_fields:
        assert f"`{key}`" in text, key
