"""Inputs and outputs of rules, as Snakemake reads them."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake.io import AnnotatedString, ancient, flag, is_flagged

from anonbench.workflow.rule_parts import RuleFiles, on_disk, with_digest


def rule_files(prefix: str | None = None, waiting: int = 0) -> RuleFiles:
    job = SimpleNamespace(rule=SimpleNamespace(script="x.py"))
    target = SimpleNamespace(rule=SimpleNamespace(script=None))
    return RuleFiles(
        SimpleNamespace(
            storage_settings=SimpleNamespace(default_storage_prefix=prefix),
            dag=SimpleNamespace(needrun_jobs=lambda: [job] * waiting + [target]),
        )
    )


def test_big_inputs_are_ancient_and_their_digests_are_not() -> None:
    pair = rule_files().by_digest(boxes="r/{dataset}/boxes.parquet")
    assert list(pair) == ["boxes", "boxes_digest"]
    assert is_flagged(pair["boxes"], "ancient")
    assert pair["boxes_digest"] == "r/{dataset}/boxes.parquet.digest"
    assert not is_flagged(pair["boxes_digest"], "ancient")


def test_a_function_of_wildcards_stays_one() -> None:
    pair = rule_files().by_digest(
        images=lambda w: [f"r/{w}/0.tar", f"r/{w}/0.parquet"], empty=lambda w: []
    )
    images = pair["images"]("mask-50")
    assert images == ["r/mask-50/0.tar", "r/mask-50/0.parquet"]
    assert all(is_flagged(path, "ancient") for path in images)
    assert pair["images_digest"]("mask-50") == ["r/mask-50/0.tar.digest"]
    assert pair["empty"]("x") == pair["empty_digest"]("x") == []


def test_another_rules_output_is_not_marked() -> None:
    output = AnnotatedString("r/manifest.parquet")
    pair = rule_files().by_digest(manifest=output, several=[output])
    assert is_flagged(pair["manifest"], "ancient") and is_flagged(pair["several"][0], "ancient")
    assert not is_flagged(output, "ancient")
    # what the test is about: Snakemake's own function marks the shared object
    ancient(output)
    assert is_flagged(output, "ancient")


def test_a_stored_file_is_named_as_in_the_results() -> None:
    stored = flag(
        AnnotatedString("local/copy"), "storage_object", SimpleNamespace(query="s3://b/r/x.csv")
    )
    assert rule_files("s3://b").plain([stored]) == ["r/x.csv"]
    assert rule_files("s3://b/").plain("r/x.csv") == "r/x.csv"


def test_outputs_have_their_digests_beside_them() -> None:
    assert with_digest(a="x.h5") == {"a": "x.h5", "a_digest": "x.h5.digest"}


def test_a_users_file_is_no_stored_one() -> None:
    (file,) = on_disk([Path("own/boxes.csv")])
    assert file == "own/boxes.csv" and is_flagged(file, "local")


def test_pages_are_packed_by_snakemakes_report() -> None:
    outputs = rule_files().figure("front_{dataset}_{metric}", "{metric} against risk")
    assert outputs["svg"] == "<results>/figures/front_{dataset}_{metric}.svg"
    packed: Any = outputs["png"].flags["report"]
    assert (packed.caption, packed.subcategory) == ("../report/front.rst", "{dataset}")
    assert packed.labels == {"figure": "{metric} against risk"}
    assert packed.category(None) == "Figures"
    table = rule_files().table("retrieval_faces_100", "retrieval", "table", "faces")
    assert list(table) == ["csv", "markdown", "latex"]
    packed = table["csv"].flags["report"]
    assert (packed.caption, packed.subcategory) == ("../report/table.rst", "faces")
    assert rule_files().table("sizes", "images")["csv"].flags["report"].subcategory is None
    assert rule_files().table("experiment")["csv"] == "<results>/tables/experiment.csv"


RULES = Path(__file__).parents[3] / "workflow/rules"
CAPTIONED = re.compile(
    r'figure\("([a-z_]+?)(?:_\{\w+\})*", |"(table|dataset_table)", (?:_name|dataset)\b'
    r'|"\.\./report/(\w+)\.rst"'
)


def test_every_caption_is_a_file() -> None:
    """Snakemake reads captions only when it writes its own report."""
    found = CAPTIONED.findall("".join(path.read_text() for path in RULES.glob("*.smk")))
    named = {"".join(match) for match in found}
    assert named
    there = {path.stem for path in RULES.with_name("report").glob("*.rst")}
    assert named <= there
    # a page's own, the whole, and the kinds of figures whose names are made in the rule
    kinds = {"trend", "correlation", "learning", "front", "attention"}
    assert there - named == {"report", "workflow", "sizes"} | kinds


def test_outdated_pages_are_not_packed(capsys: pytest.CaptureFixture[str]) -> None:
    page = rule_files(waiting=2).page("<results>/report.html", "Report", {})
    with pytest.raises(SystemExit):
        page.flags["report"].category(None)
