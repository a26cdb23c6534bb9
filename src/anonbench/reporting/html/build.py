"""Assembly of the report: tables, figures, explorer and numbers in one self-contained file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from anonbench.anonymization.given.gather import findings
from anonbench.anonymization.published import read_doubts
from anonbench.config import Policy, Presentation, Retrieval
from anonbench.core.io import atomic, read_json
from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.registries.tables import Grid
from anonbench.core.vocabulary import ORIGINAL
from anonbench.evaluation.comparisons.best import read_best
from anonbench.evaluation.comparisons.effect_table import read_effects
from anonbench.evaluation.comparisons.pairwise import read_method_comparisons
from anonbench.evaluation.comparisons.query_kinds import read_query_kinds
from anonbench.evaluation.policy.verdicts import Verdict, standings
from anonbench.evaluation.sample_sizes.sufficiency import Needs, why_no_statement
from anonbench.reporting import dataset_tables
from anonbench.reporting.detection import QUALITY_HEADS, QUALITY_NOTE, QUALITY_TITLE, quality_rows
from anonbench.reporting.grids.commands import TableCommands
from anonbench.reporting.grids.layout import Layout, lay_out
from anonbench.reporting.grids.tables import SIZE_COLUMNS, SIZE_TITLE, read_sizes
from anonbench.reporting.html import making
from anonbench.reporting.html.choices.advice import advise, constraints, options, plain
from anonbench.reporting.html.choices.answer import (
    MEASURES,
    evidence,
    on_originals,
    overview,
    stated,
)
from anonbench.reporting.html.choices.best import best_choices
from anonbench.reporting.html.choices.effects import ceilings, effect_rows, scored, tally
from anonbench.reporting.html.choices.glance import glance
from anonbench.reporting.html.choices.headline import first_screen, preferred
from anonbench.reporting.html.choices.in_full import Planned, pairs_of_choices, recommended
from anonbench.reporting.html.choices.kept import pixels_kept
from anonbench.reporting.html.choices.next_steps import next_steps, sentence
from anonbench.reporting.html.choices.notices import notices
from anonbench.reporting.html.choices.passing import failures, passing
from anonbench.reporting.html.choices.recommendations import recommendations
from anonbench.reporting.html.choices.risk import risks
from anonbench.reporting.html.coefficients import correlation_rows
from anonbench.reporting.html.dataset_section import DatasetSection, digested, tables_of
from anonbench.reporting.html.effort import Effort, effort_part
from anonbench.reporting.html.methods import methods_grid
from anonbench.reporting.html.page import render
from anonbench.reporting.html.pictures import PIPELINE, SHORT, captions, heading, picture, pictures
from anonbench.reporting.labels import METHODS, TIED, metric_label
from anonbench.reporting.summary import SCORE_COLUMNS, summarize, summarize_originals

PLACED = ("detection", "examples", "correlation", "schedules")
"""Kinds of figures that have a place of their own; others follow in the order of their kinds."""


def build_report(
    title: str,
    datasets: Sequence[DatasetSection],
    config: Mapping[str, Any],
    versions: Mapping[str, str],
    output: Path,
    grids: Mapping[str, Sequence[Grid]] | None = None,
    pipeline: Path | None = None,
    effort: Effort | None = None,
    plans: Mapping[str, Planned] | None = None,
    commands: Mapping[str, TableCommands] | None = None,
    system: str | None = None,
) -> None:
    """Write the report: the same bytes for the same files, config and versions.

    Args:
        title: of the page.
        datasets: in the order of the page.
        config: shown as YAML; plain values (a model's ``model_dump(mode="json")``) without places
            (`anonbench.datasets.image_sets.neutral_names.without_places`).
        versions: of the packages that made the results.
        output: the HTML file.
        grids: further tables, by the heading of their section.
        pipeline: PNG of the workflow's stages.
        effort: what the stages took.
        plans: by data set, what the config says of it; None: no experiment is proposed.
        commands: that make the numbers, by the file name of a table.
        system: name of the one system that is measured as it is; None where models are trained.

    Raises:
        InputError: a figure is no PNG, or a file lacks a column.

    """
    read = {section.name: _read(section) for section in datasets}
    explorers = [
        read_json(section.explorer)
        for section in datasets
        if section.explorer is not None and section.explorer.is_file()
    ]
    scores, comparisons, rates = (_of(read, kind) for kind in ("scores", "comparisons", "rates"))
    needs = needs_of(config)
    summaries = {name: summarize(table) for name, table in scores.items()}
    originals = {name: on_originals(summarize_originals(table)) for name, table in scores.items()}
    gaps = {
        section.name: why_no_statement(summaries[section.name], needs, _validation(section.counts))
        for section in datasets
    }
    effects = {
        section.name: stated(read_effects(section.effects), gaps[section.name])
        for section in datasets
        if section.effects is not None and section.effects.is_file()
    }
    shown = config.get("presentation", {})
    confidence = shown.get("confidence")
    sure = {} if confidence is None else {"confidence": confidence}
    tables = {
        kind: [
            lay_out(
                table,
                scores[section.name],
                comparisons.get(section.name),
                **sure,
            )
            for section in datasets
            for table in section.tables
            if table.kind == kind
        ]
        for kind in ("retrieval", "agreement", "downstream")
    }
    found = risks(rates, needs)
    bests = best_choices(
        stated(read_best(section.best), gaps[section.name])
        for section in datasets
        if section.best is not None and section.best.is_file()
    )
    kinds_of_queries = {
        section.name: stated(read_query_kinds(section.query_kinds), gaps[section.name])
        for section in datasets
        if section.query_kinds is not None and section.query_kinds.is_file()
    }
    policies = _of(read, "policy")
    failed = failures(policies, summaries)
    stand = {key: v for table in policies.values() for key, v in standings(table).items()}
    choices = options(summaries, found, needs, gaps, effects, bests, failed, stand)
    limit, yardsticks = 100 * needs.limit, ceilings(effects)
    highest = max((option.degree for option in choices), default=100)
    advice, free = (advise(choices, highest, most) for most in (limit, None))
    beyond = [each for each in choices if each.standing != Verdict.PASS]
    standing = passing(policies, advice, advise(beyond, 0, None))
    tests = {
        section.name: pairs_of_choices(
            comparisons.get(section.name), _methods(section), effects.get(section.name)
        )
        for section in datasets
    }
    has_second = {name: bool(scored({name: table})) for name, table in effects.items()}
    margin = Presentation.model_validate(shown).equivalence_margin
    chosen = preferred(advice, free)
    steps = next_steps(chosen, choices, plans or {}, has_second, tests, margin, limit, policies)
    figures = list(chain.from_iterable(section.figures for section in datasets))
    kinds = list(dict.fromkeys(figure.kind for figure, _ in figures))
    html = render(
        title=title,
        lines=first_screen(
            advice,
            free,
            limit,
            found,
            adapting=tally(effects, "adapting"),
            evidence=evidence(summaries),
            cheapest=sentence(steps),
            second=bool(scored(effects)),
            system=system,
            standing=standing,
            pixels={
                name: pixels_kept(summary, yardsticks.get((name, "map")))
                for name, summary in summaries.items()
            },
        ),
        glance=glance(chosen, found, limit),
        notices=notices(
            {s.name: read_doubts(s.audit) for s in datasets if s.audit and s.audit.is_file()},
            {name: list(findings(table)) for name, table in _of(read, "given").items()},
        ),
        options=plain(choices),
        advice=advice,
        recommended=recommended(chosen, plans or {}, has_second, tests, limit),
        steps=steps,
        commands=dict(commands or {}),
        limit=f"{limit:g}",
        constraints=constraints(choices, limit),
        system=system,
        recommendations=[]
        if system
        else recommendations(
            effects,
            comparisons,
            bests,
            summaries,
            found,
            kinds_of_queries,
            gaps,
            {name: stated(table, gaps[name]) for name, table in _of(read, "deployments").items()},
        ),
        costs=effect_rows(effects),
        measures=[_measure(*measure) for measure in MEASURES],
        overview=overview(summaries, bests, yardsticks, gaps, needs, originals),
        unscored=[name for name, summary in summaries.items() if summary.empty],
        size_columns=list(SIZE_COLUMNS.values()),
        size_title=SIZE_TITLE,
        sizes=read_sizes({s.name: s.counts for s in datasets if s.counts.is_file()}),
        skipped=[(s.name, skip_reasons(s.skipped)) for s in datasets if s.skipped.is_file()],
        quality_heads=QUALITY_HEADS,
        quality_title=QUALITY_TITLE,
        quality_note=QUALITY_NOTE,
        quality=[
            (section.name, quality_rows(pd.read_csv(section.quality)))
            for section in datasets
            if section.quality is not None and section.quality.is_file()
        ],
        retrieval=tables["retrieval"],
        agreement=tables["agreement"],
        downstream=tables["downstream"],
        not_run={layout.stem: not_run(layout) for layout in chain(*tables.values())},
        grids=_compared(datasets, gaps)
        | dataset_tables.sections(read, Presentation.model_validate(shown))
        | dict(grids or {}),
        unlabelled=[s.name for s in datasets if not any(t.kind == "downstream" for t in s.tables)],
        headings={kind: heading(kind) for kind in kinds},
        captions=captions(system),
        short=SHORT,
        pictures={kind: pictures(figures, kind) for kind in (*kinds, *PLACED)}
        | {"pipeline": [] if pipeline is None else [picture("pipeline", *PIPELINE, pipeline)]},
        other_kinds=[kind for kind in kinds if kind not in PLACED],
        correlations=[
            correlation_rows(section.name, degree, path)
            for section in datasets
            for degree, path in sorted(section.correlations.items())
            if path.is_file()
        ],
        explorers=explorers,
        methods=json.dumps(_labels(explorers)),
        confidence=confidence,
        min_clusters=MIN_CLUSTERS,
        margin=margin,
        tied=TIED,
        originals=bool(shown.get("show_originals", False)),
        config=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
        versions=dict(versions),
        digests=making.digests(digested(datasets)),
        seeds=making.seeds(config),
        hardware=making.hardware(config),
        effort=None if effort is None else effort_part(effort, steps),
    )
    with atomic(output) as temporary:
        temporary.write_text(html, encoding="utf-8")


def _labels(explorers: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return the labels of methods, of those too whose names the config has made."""
    shown = {run["method"] for explorer in explorers for run in explorer["scenarios"]}
    return METHODS | {name: METHODS[name] for name in shown - {ORIGINAL}}


def skip_reasons(path: Path) -> list[tuple[str, int]]:
    """Count the reasons for which files were dropped, most frequent first.

    File names stay out of the report: they may be names of people.
    """
    reasons = pd.read_csv(path, dtype=str)["reason"].fillna("no reason recorded")
    counts = reasons.value_counts()
    return sorted(((str(k), int(v)) for k, v in counts.items()), key=lambda row: (-row[1], row[0]))


def not_run(layout: Layout) -> str:
    """Return which cells of a table have no value and why, empty where all have one."""
    columns = [label for _ in layout.groups for _, label in layout.methods]
    rows = [row for block in layout.blocks for row in block.rows]
    missing = [
        (row.label, column)
        for row in rows
        for cell, column in zip(row.cells, columns, strict=True)
        if cell.value is None
    ]
    if not missing:
        return ""
    if len(missing) == len(rows) * len(columns):
        return "Not run: no scenario of this table has a score."
    names = dict.fromkeys(f"{row} with {column}" for row, column in missing)
    return (
        f"Not run: {', '.join(names)}. The scores have no value there: the scenario is not part of "
        "the experiment, or its training or scoring failed (see the folder logs of the results)."
    )


def needs_of(config: Mapping[str, Any]) -> Needs:
    """Return what the first screen's values have to fulfil; a section left out has its defaults."""
    return Needs.of(
        Retrieval.model_validate(config.get("retrieval", {})),
        Presentation.model_validate(config.get("presentation", {})),
        Policy.model_validate(config.get("policy", {})),
    )


def _compared(datasets: Iterable[DatasetSection], gaps: Mapping[str, str]) -> dict[str, list[Grid]]:
    """Return the section on methods, nothing where they were not compared."""
    tests = {
        section.name: stated(read_method_comparisons(section.methods), gaps[section.name])
        for section in datasets
        if section.methods is not None and section.methods.is_file()
    }
    grid = methods_grid(tests)
    return {} if grid is None else {"Methods": [grid]}


def _methods(section: DatasetSection) -> pd.DataFrame | None:
    path = section.methods
    return read_method_comparisons(path) if path is not None and path.is_file() else None


def _validation(counts: Path) -> int | None:
    """Return how many validation images are used, where that is known."""
    if not counts.is_file():
        return None
    table = pd.read_csv(counts)
    return int(table.loc[table["split"] == "val", "used"].sum())


def _read(section: DatasetSection) -> dict[str, pd.DataFrame]:
    """Return the tables of a data set that there are; without scores, a table without rows."""
    found = {need: dataset_tables.READERS[need](path) for need, path in tables_of(section).items()}
    return {"scores": pd.DataFrame(columns=SCORE_COLUMNS)} | found


def _of(read: Mapping[str, Mapping[str, pd.DataFrame]], kind: str) -> dict[str, pd.DataFrame]:
    """Return the tables of one kind by data set."""
    return {name: tables[kind] for name, tables in read.items() if kind in tables}


def _measure(metric: str, query: str) -> str:
    return f"{metric_label(metric)}, {query} queries" if query else metric_label(metric)
