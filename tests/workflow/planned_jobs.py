"""Jobs that Snakemake plans: as a dry run says, or as a Snakefile at its end writes them."""

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import yaml

import preloaded

_SNAKEFILE = """
import atexit, json

include: "{snakefile}"

def write():
    facts = []
    number = {{job: index for index, job in enumerate(workflow.dag.jobs)}}
    for job in number:
        facts.append({{
            "name": job.rule.name,
            "script": job.rule.script,
            "wildcards": dict(job.wildcards_dict),
            "params": dict(job.params.items()),
            "resources": dict(job.resources.items()),
            "threads": job.threads,
            "environment": job.rule.conda_env,
            "input": list(map(str, job.input)),
            "ancient": [str(file) for file in job.input if file.is_ancient],
            "after": {{
                number[other]: [file.is_ancient for file in files]
                for other, files in workflow.dag.dependencies[job].items()
            }},
        }})
    open("jobs.json", "w").write(json.dumps(facts, default=str))

atexit.register(write)
"""


def planned_jobs(root: Path, folder: Path, config: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a dry run says of each job of `all`, in a folder without results."""
    (folder / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    text = _SNAKEFILE.format(snakefile=root / "workflow/rules/every.smk")
    (folder / "Snakefile").write_text(text, encoding="utf-8")
    targets = ["report", "tables", "figures"]
    given = ["-n", "--quiet", "rules", "progress", "--cores", "64", "--workflow-profile", "none"]
    done = preloaded.completed("snakemake", [*given, "--", *targets], folder)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, Any]] = json.loads((folder / "jobs.json").read_text(encoding="utf-8"))
    return found


def planned(text: str) -> Counter[str]:
    """Return how many jobs of each rule a dry run plans, by what it says."""
    return Counter(re.findall(r"^(?:local)?rule (\w+):$", text, re.MULTILINE))
