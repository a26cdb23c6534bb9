"""`anonbench score`: scores of any system's embeddings, as a table or as JSON."""

from __future__ import annotations

import argparse
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anonbench.cli.shared import add_command, aligned, require_suffix
from anonbench.core.errors import InputError
from anonbench.core.io import records, require_another
from anonbench.core.jobs.checksums import verify

if TYPE_CHECKING:
    import pandas as pd

    from anonbench.evaluation.external import Evaluation

_MANUAL = """\
score: score vectors by the ranking of the originals
Scores embeddings after a change of the images (anonymization, another model) against the ranking
that the original system gave. Files: .h5 with /embeddings and /ids, .npy with x.ids.txt beside
x.npy, or .parquet or .csv with a column id.

--reference FILE  the original system's embeddings of the original images
--queries FILE  embeddings of the query images after the change, all of them or some
--database FILE  embeddings of the images that are searched after the change
--common  score the images that all files have, instead of refusing ids that do not match
scores:
| --fraction F  k as a share of the database (0.05)
| --k K  k itself: a query's relevant images
--exclude-self  do not count a query's own image among the results
--ap-depth {full,k}  average precision over all ranks (full) or k
--gain {linear,exponential}  of similarity s: s (linear) or 2^s - 1
--gain-of {all,relevant}  which retrieved images have a gain (all)
--negative-gain {keep,clip,shift}  negative similarities as they are (keep), at zero, or moved to
  [0, 1]
--top N  first results of overlap_top, tau, unchanged (10)
--confidence C  coverage of the intervals (0.95)
--clusters FILE  columns id and cluster (.csv, .parquet): queries that belong together, such as
  photos of one person
large archives:
--sample N  score only a random sample of N queries
output:
--json  print JSON instead of a table
--per-query FILE  also write the scores of every query (.parquet or .csv)
--against FILE  also compare query by query with another scoring, such as that of another method, by
  the same reference and settings; the file is a .parquet from --per-query

Examples:
  anonbench score --reference originals.h5 --queries originals.h5 --database anonymized.h5
  anonbench score --reference o.npy --queries a.npy --database a.npy --clusters persons.csv --json

What the numbers mean: docs/how-to/score.md."""
_SETTINGS = (
    *("common", "sample", "clusters", "fraction", "k", "ap_depth"),
    *("gain", "gain_of", "negative_gain", "top", "confidence"),
)
"""Options that are settings by the same name; those not given keep their defaults."""
_DECIMALS = 4
_MAPPED = (
    "anonbench: {}: moved by a map; if it learned from these very images, the scores are too high "
    "(`map fit` and `evaluate --map` say what new images would get)"
)


def add(commands: Any) -> None:
    """Add the command to the subparsers of `anonbench`."""
    types = {"N": int, "K": int, "F": float, "C": float}
    add_command(commands, _MANUAL, run, types, reference=..., queries=..., database=...)


def run(options: argparse.Namespace) -> None:
    """Score the given files and print the result."""
    require_suffix(options.per_query, ".parquet", ".csv", option="--per-query")
    settings = {name: getattr(options, name) for name in _SETTINGS}
    settings = {name: value for name, value in settings.items() if value is not None}
    files = options.reference, options.queries, options.database
    if options.per_query:
        others = filter(None, (options.clusters, options.against))
        require_another(options.per_query, *files, *others)
    for file in (*files, *([options.against] if options.against else [])):
        if not file.exists():
            raise InputError(f"{file}: no such file")
        verify(file)

    from anonbench.evaluation import against, alignment, external  # imports that take seconds

    other = against.read_scores(options.against) if options.against else None
    result = external.run(*files, include_self=not options.exclude_self, **settings)
    for file in dict.fromkeys(files):
        if alignment.provenance(file).get("mapped"):
            print(_MAPPED.format(file), file=sys.stderr)
    if options.per_query:
        _write(result.per_query, options.per_query)
    compared = None
    if other is not None:
        given = result.per_query, other, options.clusters, result.confidence
        compared = against.compare_scorings(*given, name=str(options.against))
    if options.json:
        content = as_json(result)
        if compared is not None:
            content["against"] = records(compared)
        print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        print(as_text(result))
        if compared is not None:
            print(f"\nin pairs, this less {options.against}:\n{_aligned(compared)}")


def as_json(result: Evaluation) -> dict[str, Any]:
    """Result as plain data; undefined values are None."""
    from anonbench.core.provenance import versions
    from anonbench.evaluation.external import comparable_settings

    return {
        "images": result.images,
        "k": result.k,
        "queries_given": result.queries_given,
        "left_out": result.left_out,
        "unknown": result.unknown,
        "rows": records(result.table),
        "notes": notes(result),
        "confidence": result.confidence,
        "clusters": result.clusters,
        "settings": comparable_settings(result.settings),
        "versions": versions("numpy"),
    }


def as_text(result: Evaluation) -> str:
    """Format the result as an aligned table, followed by notes."""
    parts = [_aligned(result.table), "\n".join(notes(result))]
    if result.unknown:
        parts.insert(0, f"NOT KNOWN what the change costs: {result.unknown}.")
    return "\n\n".join(parts)


def notes(result: Evaluation) -> list[str]:
    """Notes, one sentence each: the data behind the numbers, and how to read them."""
    scored = len(result.per_query)
    queries = f"{scored:,} queries"
    if scored < result.queries_given:
        queries = f"a random sample of {scored:,} of {result.queries_given:,} queries"
    counts = "counts" if result.settings.include_self else "does not count"
    lines = [
        f"{queries} against {result.images:,} images, k = {result.k:,}; a query's own image "
        f"{counts} among the results. {_intervals(result)}"
    ]
    if result.two_systems:
        lines.append(result.two_systems)
    if any(result.left_out.values()):
        each = ", ".join(f"{number:,} of the {name}" for name, number in result.left_out.items())
        lines.append(f"left out, having no counterpart in the others: {each}.")
    if result.settings.ap_depth == "k":
        lines.append(f"map is truncated at k = {result.k:,}: what comes later counts as not found.")
    for row in result.near_chance().to_dict("records"):
        lines.append(
            f"{row['metric']} is near chance ({row['value']:.3f}; a random ranking has "
            f"{row['chance']:.3f}): the ranking has next to nothing in common with the original "
            "system's."
        )
    undefined = int(result.per_query["ndcg"].isna().sum())
    if undefined:
        lines.append(
            f"mndcg is undefined for {undefined:,} queries, whose first results are not similar to "
            "them (the ideal gain is not positive); --negative-gain clip or shift defines more."
        )
    return lines


def _intervals(result: Evaluation) -> str:
    """Describe the basis and assumptions of the intervals, or why there are none."""
    if result.without_intervals:
        return f"No intervals: {result.without_intervals}."
    over = f"low and high: {result.confidence:.0%} intervals over"
    if result.clusters is None:
        return (
            f"{over} queries, which count as independent; where several show one person or page, "
            "pass --clusters."
        )
    return f"{over} {result.clusters:,} clusters of queries."


def _aligned(table: pd.DataFrame) -> str:
    rows = [list(table.columns), *table.itertuples(index=False)]
    return aligned([[_cell(value) for value in row] for row in rows], left=1)


def _cell(value: Any) -> str:
    if not isinstance(value, float):
        return str(value)
    return "-" if math.isnan(value) else f"{value:.{_DECIMALS}f}"


def _write(table: pd.DataFrame, path: Path) -> None:
    from anonbench.core.io import write_csv
    from anonbench.evaluation.against import write_scores

    try:
        if path.suffix == ".csv":
            write_csv(table, path)
        else:
            write_scores(table, path)
    except OSError as error:
        raise InputError(f"--per-query {path}: cannot be written ({error.strerror})") from None
