"""What is handed to Snakemake."""

from __future__ import annotations

import pytest

from anonbench.workflow.plan.jobs import targets_first


@pytest.mark.parametrize(
    ("given", "targets", "options"),
    [
        ("", "", ""),
        ("celeba_boxes table_V", "celeba_boxes table_V", ""),
        ("--configfile a.yaml celeba_boxes", "celeba_boxes", "--configfile a.yaml"),
        ("--configfiles a.yaml b.yml report -n", "report", "--configfiles a.yaml b.yml -n"),
        ("x --configfile a.yaml --config k=3 l=1", "x", "--configfile a.yaml --config k=3 l=1"),
        ("-s Snakefile --until train", "", "-s Snakefile --until train"),
    ],
)  # fmt: skip
def test_a_target_is_no_second_config_file(given: str, targets: str, options: str) -> None:
    assert targets_first(given.split()) == (targets.split(), options.split())
