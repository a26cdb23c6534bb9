"""Rules as the Snakefile reads them: which there are, and what depends on what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def own_rules(workflow: Any, namespace: Mapping[str, Any]) -> list[Any]:
    """Rules of a Snakefile, without those of a Snakefile that uses it as a module.

    Args:
        workflow: Snakemake's.
        namespace: the Snakefile's `globals()`.
    """
    return [rule for rule in workflow.rules if rule.module_globals is namespace]


def remove_rules(workflow: Any, names: Iterable[str]) -> None:
    """Remove rules, so that their outputs become source files.

    Snakemake's own option, `--allowed-rules`, cannot be used from a Snakefile.
    """
    for name in names:
        del workflow._rules[name]
