"""The statement on image sets says what the tables say, and an edit of it shows."""

from __future__ import annotations

from pathlib import Path

from anonbench.config import Policy
from anonbench.core.io import read_json, write_csv
from anonbench.evaluation.policy.evidence import evidence
from anonbench.evaluation.policy.statement import fingerprint, write_statement
from anonbench.evaluation.policy.verdicts import judge
from policy_evidence import make_audit, make_measured

VARIANTS = ("mask-100", "blur-100")


def test_it_has_counts_digests_misses_and_verdicts_under_one_fingerprint(tmp_path: Path) -> None:
    write_csv(make_audit(VARIANTS), tmp_path / "audit.csv")
    write_csv(judge(evidence(make_measured(VARIANTS)), Policy()), tmp_path / "policy.csv")
    (tmp_path / "0.digest").write_text("abc\n")
    shards = [("val", variant, [tmp_path / "0.digest"]) for variant in VARIANTS]
    output = tmp_path / "statement.json"
    files = (tmp_path / "audit.csv", tmp_path / "policy.csv")
    write_statement("portraits", *files, shards, {"code": {"detect": "1"}}, output)
    found = read_json(output)
    mask, blur = found["image_sets"]
    assert mask["policy"] == "pass" and mask["why_not"] == "" and mask["shards"] == ["abc"]
    assert mask["counts"]["images"] == 100 and mask["counts"]["failed_audits"] == 0
    missed = mask["missed"]["face"]
    assert missed["low"] <= missed["value"] <= missed["high"] and missed["images"] == 200
    assert blur["policy"] == "fail" and "reidentification" in blur["why_not"]
    assert found["sha256"] == fingerprint(found)
    blur["policy"] = "pass"
    assert found["sha256"] != fingerprint(found)


def test_what_is_not_known_is_said_and_has_no_number(tmp_path: Path) -> None:
    write_csv(make_audit(("mask-100",)), tmp_path / "audit.csv")
    measured = make_measured(quality=None)
    write_csv(judge(evidence(measured), Policy()), tmp_path / "policy.csv")
    files = (tmp_path / "audit.csv", tmp_path / "policy.csv")
    shards: list[tuple[str, str, list[Path]]] = [("val", "mask-100", [])]
    found = write_statement("portraits", *files, shards, {}, tmp_path / "statement.json")
    missed = found["image_sets"][0]["missed"]["face"]
    assert missed["value"] is None and "true boxes" in missed["reason"]
