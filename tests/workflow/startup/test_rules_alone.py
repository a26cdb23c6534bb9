"""Rules that say all of their jobs and can be read alone, their files, and profiles."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from snakemake.io import AnnotatedString, flag, is_flagged

from anonbench.workflow.rule_parts import RuleFiles, growing, on_disk, with_digest

_HEAD = re.compile(r"^( *)(?:rule|rule (\w+)|use rule (\w+) as (\w+) with):$", re.MULTILINE)


def rules(root: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield where each rule stands, and the text of its directives by their names."""
    for path in sorted((root / "workflow/rules").glob("*.smk")):
        text = path.read_text(encoding="utf-8")
        for head in _HEAD.finditer(text):
            within = " " * (len(head[1]) + 4)
            block = re.match(rf"(?:(?:{within}.*)?\n)*", text[head.end() + 1 :])
            assert block is not None
            parts = re.split(rf"^{within}(\w+):", block[0], flags=re.MULTILINE)[1:]
            yield f"{path.name}: {head[0].strip()}", dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_rule_with_a_script_says_all_of_its_jobs(root: Path) -> None:
    with_script = {place: rule for place, rule in rules(root) if "script" in rule}
    assert len(with_script) > 30
    for place, rule in with_script.items():
        script = Path(rule["script"].strip().strip('"')).stem
        asked = {"conda", "log", "params", "resources"}
        asked |= set() if "rule cost:" in place else {"benchmark"}  # which counts the others'
        assert not asked - rule.keys(), place
        assert re.search(r"mem_mb=(growing\(|ranking_mb)", rule["resources"]), place
        assert "runtime=growing(" in rule["resources"], place
        assert rule["params"].strip().startswith(f'code=code_of("{script}"),'), place
        is_cached = ".is_done(" in (root / f"workflow/scripts/{script}.py").read_text("utf-8")
        assert bool(re.search(r"\bupdated?\(", rule["output"])) is is_cached, place
        assert ("run=last_run()," in rule["params"]) is is_cached, place


def test_a_rule_has_a_log_and_a_benchmark_of_its_own_alike_named(root: Path) -> None:
    alike = {place: rule for place, rule in rules(root) if "use rule" in place}
    assert alike
    for place, rule in alike.items():
        assert not {"log", "benchmark"} - rule.keys(), place
        (parent,) = re.findall(r"use rule (\w+)", place)
        (output,) = (r["output"] for p, r in rules(root) if p.endswith(f" rule {parent}:"))
        assert ("updated(" in output) is ("updated(" in rule["output"]), place
        assert ("updated(" in output) is ("run=last_run()," in rule.get("params", "")), place
    for place, rule in rules(root):
        if "benchmark" in rule:
            log, benchmark = (rule[each].split('"')[1] for each in ("log", "benchmark"))
            assert benchmark == log.replace("<logs>", "<benchmarks>").replace(".log", ".tsv"), place


SHARED = ("logger", "keep-going", "rerun-incomplete", "show-failed-logs", "rerun-triggers")


def profile(root: Path, name: str) -> dict[str, Any]:
    return yaml.safe_load((root / "profiles" / name / "config.yaml").read_text(encoding="utf-8"))


def test_profiles_name_what_there_is_and_agree_on_what_a_run_is(root: Path) -> None:
    text = "\n".join(path.read_text(encoding="utf-8") for path in root.glob("workflow/rules/*.smk"))
    rules = set(re.findall(r"^rule (\w+):", text, re.MULTILINE))
    rules |= set(re.findall(r"^use rule \w+ as (\w+) ", text, re.MULTILINE))
    slurm = profile(root, "slurm")
    assert slurm["groups"].keys() <= rules
    assert set(slurm["groups"].values()) == slurm["group-components"].keys()
    # its checkpoint and its time limit are those of a Slurm job of its own
    assert not {"train_unadapted", "train_adapted"} & slurm["groups"].keys()
    default = profile(root, "default")
    for other in (slurm, profile(root, "kubernetes")):
        assert {key: other[key] for key in SHARED} == {key: default[key] for key in SHARED}


PRIVATE = re.compile(r"\b(workflow|dag|snakemake|persistence|raw|rule)\._[a-z]")
REPLACED = re.compile(r"^\s*(workflow|Workflow|snakemake\w*)\.\w+ = ", re.MULTILINE)


def test_nothing_private_of_snakemake_is_used_and_nothing_replaced(root: Path) -> None:
    folders = [root / "workflow", *(root / "src/anonbench" / name for name in ("workflow", "cli"))]
    files = [root / "Snakefile", *(root / "src/snakemake_logger_plugin_anonbench").glob("*.py")]
    files += [p for folder in folders for s in ("*.py", "*.smk") for p in folder.rglob(s)]
    assert len(files) > 50
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not PRIVATE.search(text), path
        assert not REPLACED.search(text), path


def rule_files(prefix: str | None = None, keeps: bool = False) -> RuleFiles:
    storage = SimpleNamespace(
        default_storage_provider=prefix and "s3",
        default_storage_prefix=prefix,
        keep_storage_local=keeps,
    )
    return RuleFiles(SimpleNamespace(storage_settings=storage), "results")


def test_outputs_stay_where_they_are_on_this_machine() -> None:
    given = {"scores": "r/scores.csv", "shards": ["r/0.tar", "r/1.tar"]}
    for files, stays in (
        (rule_files(), True),
        (rule_files("s3://b"), False),
        (rule_files("s3://b", keeps=True), True),
    ):
        outputs = files.updated(**given)
        made = {"made": "r/.checksums/scores.csv.made"} if stays else {}
        assert outputs == given | made and not is_flagged(outputs.get("made", ""), "update")
        assert is_flagged(outputs["scores"], "update") is stays
        assert all(is_flagged(shard, "update") is stays for shard in outputs["shards"])


def test_the_last_run_in_a_linked_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("disk/.checksums", "results"):
        Path(folder).mkdir(parents=True)
    Path("results/archive").symlink_to(tmp_path / "disk")
    Path("results/archive/.checksums/0.tar.made").write_text("earlier")
    files = rule_files()
    files.updated(tar="<results>/archive/{shard}.tar")
    assert files.last_run()({"shard": 0}) == "earlier"
    assert files.last_run()({"shard": 1}) not in ("earlier", "")


def test_big_inputs_are_ancient_and_their_digests_are_not() -> None:
    pair = rule_files().by_digest(boxes="r/{dataset}/boxes.parquet")
    assert list(pair) == ["boxes", "boxes_digest"]
    assert is_flagged(pair["boxes"], "ancient")
    assert pair["boxes_digest"] == "r/{dataset}/boxes.parquet.digest"
    assert not is_flagged(pair["boxes_digest"], "ancient")
    pair = rule_files().by_digest(
        images=lambda w: [f"r/{w}/0.tar", f"r/{w}/0.parquet"], empty=lambda w: []
    )
    images = pair["images"]("mask-50")
    assert images == ["r/mask-50/0.tar", "r/mask-50/0.parquet"]
    assert all(is_flagged(path, "ancient") for path in images)
    assert pair["images_digest"]("mask-50") == ["r/mask-50/0.tar.digest"]
    assert pair["empty"]("x") == pair["empty_digest"]("x") == []
    output = AnnotatedString("r/manifest.parquet")
    pair = rule_files().by_digest(manifest=output, several=[output])
    assert is_flagged(pair["manifest"], "ancient") and is_flagged(pair["several"][0], "ancient")
    assert not is_flagged(output, "ancient")
    assert with_digest(a="x.h5") == {"a": "x.h5", "a_digest": "x.h5.digest"}


def test_a_stored_file_is_named_as_in_the_results_and_a_users_is_none() -> None:
    query = SimpleNamespace(query="s3://b/r/x.csv")
    stored = flag(AnnotatedString("local/copy"), "storage_object", query)
    assert rule_files("s3://b").plain([stored]) == ["r/x.csv"]
    assert rule_files("s3://b/").plain("r/x.csv") == "r/x.csv"
    (file,) = on_disk([Path("own/boxes.csv")])
    assert file == "own/boxes.csv" and is_flagged(file, "local")


def test_memory_and_time_grow_with_the_attempt() -> None:
    assert [growing(100)("wildcards", attempt) for attempt in (1, 3)] == [100, 300]
    assert growing(len)("four", 2) == 8
