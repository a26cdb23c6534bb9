"""`anonbench policy check`: verdict of a policy on each variant, with evidence."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import DONE, DOUBTFUL, add_command, read_config
from anonbench.core.errors import InputError
from anonbench.core.vocabulary import RESULTS
from anonbench.core.wording import count

if TYPE_CHECKING:
    import pandas as pd

FILE = "policy.csv"
_DATASET = "manifest.parquet"  # file by which a data set's folder is recognized
_WIDTH = 118  # characters of a line

_MANUAL = f"""\
policy check: say pass or fail for each variant, for people and for CI
Judges the evidence that a run collected about each variant, by the policy of its config or by
another one.

[PLACE...]  folders of results, or of single data sets in them ({RESULTS})
--configfile FILE  a config: its policy judges, and without PLACE, its results are checked
--policy FILE  YAML with a section `policy` (that of --configfile, or of the run's config)
--variant NAME...  variant to be published, such as mask-100; may be repeated (all variants)
--json  print verdicts and evidence as JSON

Exit status: 0 every requested variant passes; 3 one of them fails, or its result is not known; 1
there is nothing to check, or a file is damaged; 2 wrong usage. The command only reads the tables of
the target `policy`. With --configfile and without PLACE, it asks Snakemake if they are outdated.

Examples:
  anonbench policy check
  anonbench policy check --configfile archive.yaml --variant mask-100
  anonbench policy check results --policy strict.yaml --json > verdicts.json

What passes, and what that means: docs/explanation/policy.md."""


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    parser = commands.add_parser("policy", help="say which variants pass a policy, and why")
    actions = parser.add_subparsers(required=True, metavar="action")
    add_command(actions, _MANUAL, run)


def run(options: argparse.Namespace) -> int:
    """Judge each variant and print the verdicts."""
    config = read_config(options.configfile) if options.configfile else None
    default = config.results if config else Path(RESULTS)
    given = shlex.quote(str(options.configfile or "CONFIG"))
    first = f"first `anonbench run policy --configfile {given}`"
    files = [path for place in options.place or [default] for path in _files(place, first)]

    import pandas as pd

    from anonbench.evaluation.policy.verdicts import Verdict, judge, standings

    tables = {str(path.parent): read(path) for path in files}
    alike = Counter(table["dataset"].iloc[0] for table in tables.values())
    for folder, table in tables.items():  # `anonbench init` gives every data set the same name
        if alike[table["dataset"].iloc[0]] > 1:
            tables[folder] = table.assign(dataset=folder)
    judged = pd.concat(tables.values(), ignore_index=True)
    if policy := _policy(options.policy) if options.policy else config and config.policy:
        judged = judge(judged, policy)
    judged = _chosen(judged, options.variant)
    found = standings(judged)
    target = ["policy", "--configfile", str(options.configfile)]
    if options.configfile and not options.place and (told := outdated(target)):
        print(told, file=sys.stderr)
    print(_as_json(judged) if options.json else _as_text(judged))
    return DONE if set(found.values()) == {Verdict.PASS} else DOUBTFUL


def outdated(given: Sequence[str]) -> str:
    """Sentence on outdated results of a target that judges, with its options; or empty."""
    from anonbench.workflow.planned_jobs import collect

    try:
        old = collect(given).outdated
    except InputError as error:  # the images or Snakemake's records are elsewhere
        return f"whether the results are outdated is not known: {error}"
    again = shlex.join(["anonbench", "run", *given])
    if not old:
        return ""
    return (
        f"outdated: results of {count(len(old), 'job')} are of another config, other data or "
        f"code; to make them again: {again}"
    )


def _files(place: Path, first: str) -> list[Path]:
    """Tables in a folder itself, in the data set folders below it, or in those of its folders."""
    own = place / FILE
    if own.is_file():
        return [own]
    depths = ("[!.]*", "[!.]*/[!.]*")  # `anonbench init` names a folder in `results`
    found = next(filter(None, (sorted(place.glob(f"{each}/{FILE}")) for each in depths)), [])
    datasets = {each.parent for depth in depths for each in place.glob(f"{depth}/{_DATASET}")}
    if found and (bare := sorted(datasets - {each.parent for each in found})):
        raise InputError(
            f"{bare[0]}: no {FILE} is in it; {first}, or name the folders of the data sets that "
            "are to be checked"
        )
    if not found:
        raise InputError(f"{place}: no {FILE} is in it, nor in a folder in it; {first}")
    return found


def read(path: Path) -> pd.DataFrame:
    """Read a run's table of verdicts; raise InputError if it is damaged or empty."""
    from anonbench.core.jobs.checksums import verify
    from anonbench.evaluation.policy.table import read_policy

    verify(path)
    table = read_policy(path)
    if table.empty:
        raise InputError(f"{path}: no variant is in it; make the table again")
    return table


def _policy(path: Path) -> Any:
    from anonbench.config import load_policy
    from anonbench.config.file import read

    try:
        return load_policy(read(path))
    except InputError as error:
        raise InputError(f"--policy {path}: {error}") from None


def _chosen(judged: pd.DataFrame, variants: Sequence[str] | None) -> pd.DataFrame:
    """Rows of the requested variants; InputError if a data set lacks one."""
    names = judged["method"] + "-" + judged["degree"].astype(str)
    for variant in variants or ():
        for dataset in judged["dataset"].unique():
            if not ((names == variant) & (judged["dataset"] == dataset)).any():
                known = ", ".join(names[judged["dataset"] == dataset].unique())
                raise InputError(f"--variant {variant}: {dataset} has none; there are {known}")
    return judged[names.isin(variants)] if variants else judged


def _as_text(judged: pd.DataFrame) -> str:
    """Verdicts by data set, those that pass first, with the reasons or the resisted attacks.

    Variants with the same reasons are in one line; reasons of all that do not pass come last, once.
    """
    from anonbench.evaluation.policy.table import resisted
    from anonbench.evaluation.policy.verdicts import overall, rank

    lines = []
    for dataset, table in judged.groupby("dataset", sort=False):
        groups = list(table.groupby(["method", "degree"], sort=False))
        groups.sort(key=lambda each: rank(overall(each[1]["verdict"])))
        against = [_reasons(group) for _, group in groups]
        failed = [reasons for reasons in against if reasons]
        several = len(failed) > 1
        shared = (
            [why for why in failed[0] if all(why in each for each in failed)] if several else []
        )
        alike: dict[tuple[str, ...], list[str]] = {}
        for ((method, degree), group), reasons in zip(groups, against, strict=True):
            own = [why for why in reasons if why not in shared]
            own += [] if reasons else _wrapped(resisted(group), "  ")
            verdict = str(overall(group["verdict"]))
            alike.setdefault((verdict, *own), []).append(f"{method}-{degree}")
        for (verdict, *own), names in alike.items():
            lines += [*_wrapped(f"{dataset} {', '.join(names)}: {verdict}", ""), *own]
        lines += [f"{dataset}, all that do not pass:", *shared] if shared else []
    return "\n".join(lines)


def _reasons(group: pd.DataFrame) -> list[str]:
    """Rules against a variant as texts of several lines; those with one reason are one text."""
    from anonbench.evaluation.policy.table import reasons_against

    alike: dict[tuple[str, ...], list[str]] = {}
    for text, why in reasons_against(group):
        rule, _, known = text.partition(": ")
        alike.setdefault((known, *why), []).append(rule)
    texts = []
    for (known, *why), rules in alike.items():
        rule, apart = f"{'; '.join(rules)}: {known}", len(why) > 1  # kinds of regions: own lines
        head = _wrapped(rule if apart or not why else f"{rule} ({why[0]})", "  ")
        below = [line for each in why if apart for line in _wrapped(each, "    ")]
        texts.append("\n".join([*head, *below]))
    return texts


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=f"{indent}  ")


def _as_json(judged: pd.DataFrame) -> str:
    """Each variant's verdict and all rules with their evidence, as JSON."""
    from anonbench.evaluation.policy.verdicts import Verdict, overall

    keys = ["dataset", "method", "degree"]
    variants = [
        {
            "dataset": dataset,
            "variant": f"{method}-{degree}",
            "verdict": str(overall(group["verdict"])),
            "rules": json.loads(group.drop(columns=keys).to_json(orient="records")),
        }
        for (dataset, method, degree), group in judged.groupby(keys, sort=False)
    ]
    passes = all(each["verdict"] == str(Verdict.PASS) for each in variants)
    return json.dumps({"passes": passes, "variants": variants}, indent=2, ensure_ascii=False)
