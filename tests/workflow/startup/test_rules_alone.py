"""Rules that say all of their jobs and can be read alone; profiles that name what there is."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

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


def test_the_table_of_stages_names_the_rule_file_of_every_output(root: Path) -> None:
    written: dict[str, set[str]] = {}
    for place, rule in rules(root):
        for name in re.findall(r"\b(\w+\.csv)\b", rule.get("output", "")):
            written.setdefault(name, set()).add(place.partition(":")[0])
    design = (root / "docs/explanation/design.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .+? \| (`\w+\.smk`.*?) \| .+? \| (.+) \|$", design, re.MULTILINE)
    assert len(rows) == 13
    named = [
        (name, files)
        for files, outputs in rows
        for name in re.findall(r"\b(\w+\.csv)\b", outputs)
        if name in written
    ]
    assert len(named) > 12
    for name, files in named:
        assert written[name] & set(re.findall(r"\w+\.smk", files)), name


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
