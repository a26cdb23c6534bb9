"""Settings that jobs read stand by the name of their script."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from anonbench.config import load
from anonbench.config.experiment import Experiment
from anonbench.config.job_settings import job_settings


@pytest.fixture(scope="module")
def found(root: Path) -> dict[str, dict[str, Any]]:
    demo = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    demo["systems"] = {"small": {"kind": "timm"}}
    demo["datasets"]["ids"] |= {"system": "small", "adaptions": []}
    del demo["datasets"]["ids"]["recipe"]
    return job_settings(Experiment(load(demo)))


def test_what_a_script_reads_of_its_settings_it_gets(
    root: Path, found: dict[str, dict[str, Any]]
) -> None:
    scripts = {path.stem: path.read_text("utf-8") for path in root.glob("workflow/scripts/*.py")}
    assert not found.keys() - scripts.keys()
    reading = {name for name, text in scripts.items() if "params.slice" in text}
    reading |= {name for name, text in scripts.items() if "(snakemake.params.system)" in text}
    for rules in (root / "workflow/rules").glob("*.smk"):
        for rule in rules.read_text(encoding="utf-8").split("rule "):
            if " slice=" in rule or " system=" in rule:
                reading -= set(re.findall(r"scripts/(\w+)\.py", rule))
    assert reading <= found.keys()
    assert {"retrieve", "front"} <= reading


def test_values_follow_from_the_jobs_data_set(found: dict[str, dict[str, Any]]) -> None:
    wildcards = [SimpleNamespace(dataset=name, variant="blur-25") for name in ("documents", "ids")]
    assert found["learning"]["slice"] == {"settings": {"dpi": 150}}
    assert [found["front"]["system"](each) for each in wildcards] == [None, "small"]
    documents, ids = (found["detect"]["slice"](each)["detectors"] for each in wildcards)
    assert documents == ["ppocr"] and len(ids) == 4
    assert "blur" in found["anonymize"]["slice"](wildcards[0])["settings"]
    assert found["scores"]["slice"] == found["reidentification"]["slice"]
