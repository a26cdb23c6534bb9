"""Rules as completed and read by the Snakefile: code, parameters, logs, dependencies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from anonbench.core.jobs.fingerprint import code_digest

_SHOWN_IN = {"figures": "figure", "tables": "table", "paper": "paper"}
"""Folders of the results, with the corresponding folder of their logs."""


def own_rules(workflow: Any, namespace: Mapping[str, Any]) -> list[Any]:
    """Rules of a Snakefile, without those of a Snakefile that uses it as a module.

    Args:
        workflow: Snakemake's.
        namespace: the Snakefile's `globals()`.
    """
    return [rule for rule in workflow.rules if rule.module_globals is namespace]


def set_code(rule: Any, script: Path) -> None:
    """Make a rule's code a parameter, so that its jobs run again when the code changes.

    A script that calls `JobCache.is_done` keeps its earlier outputs, as with the flag `update`.

    Raises:
        ValueError: the rule has a parameter of this name, which would be lost.
    """
    _, named = rule.ruleinfo.params or ((), {})
    if "code" in named:
        raise ValueError(f"rule {rule.name}: the parameter `code` is set by the adapter")
    rule.set_params(code=lambda _: code_digest(script))
    if ".is_done(" in script.read_text(encoding="utf-8"):
        for file in rule.output:
            if not file.flags:  # a plain string has no flags to set
                file.clone_flags(file)
            file.flags["update"] = True


def set_parameters(rule: Any, read: Mapping[str, Any]) -> None:
    """Set those parameters (values or functions) that a rule does not set itself."""
    _, named = rule.ruleinfo.params or ((), {})
    rule.set_params(**{name: value for name, value in read.items() if name not in named})


def remove_rules(workflow: Any, names: Iterable[str]) -> None:
    """Remove rules, so that their outputs become source files.

    Snakemake's own option, `--allowed-rules`, cannot be used from a Snakefile.
    """
    for name in names:
        del workflow._rules[name]


def name_log(rule: Any, results: str, benchmarked: bool = True) -> None:
    """Set a rule's log, unless it names one, and its benchmark with the same name.

    The log of `<results>/{dataset}/images/{variant}/{shard}.tar` is
    `<logs>/<script>/{dataset}/{variant}/{shard}.log`: the path below the stage's folder of the data
    set, up to the last wildcard. Logs of figures, tables and the paper's pages have the names of
    their files, and the log of a rule without wildcards that of the rule.
    """
    log = rule.ruleinfo.log.paths[0] if rule.ruleinfo.log else _log_like_output(rule, results)
    if not rule.ruleinfo.log:
        rule.log_modifier = rule.output_modifier
        rule.set_log(log)
    if benchmarked:
        rule.benchmark_modifier = rule.log_modifier  # the storage or prefix of its files
        rule.benchmark = log.replace("<logs>", "<benchmarks>").removesuffix(".log") + ".tsv"


def _log_like_output(rule: Any, results: str) -> str:
    made = rule.ruleinfo.output
    first = [*made.paths, *made.kwpaths.values()][0]
    path = str(first[0] if isinstance(first, list) else first)
    within = path.removeprefix("<results>/").removeprefix(f"{results}/")
    assert within != path, f"{rule.name} has to name its log"
    *folders, name = within.split("/")
    parts = [*folders, name.partition(".")[0]]
    if parts[0] in _SHOWN_IN:
        return "/".join(["<logs>", _SHOWN_IN[parts[0]], *parts[1:]]) + ".log"
    stage = Path(rule.script).stem
    last = max((place for place, part in enumerate(parts) if "{" in part), default=-1)
    differing = [parts[0], *parts[2 : last + 1]] if last >= 0 else [rule.name]
    return "/".join(["<logs>", *([stage] if differing != [stage] else []), *differing]) + ".log"
