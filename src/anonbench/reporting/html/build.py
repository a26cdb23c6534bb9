"""The report: first pages and the evidence behind them, in one offline file."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import yaml

from anonbench.anonymization.given.gather import left_visible
from anonbench.anonymization.published import read_doubts
from anonbench.config import Policy, Presentation, Privacy, Retrieval
from anonbench.core.io import read_json, write_csv, write_text
from anonbench.core.numeric.clusters import MIN_CLUSTERS
from anonbench.core.registries.tables import TABLES as REGISTERED
from anonbench.core.vocabulary import ORIGINAL, PIXELS, RESULTS, UNADAPTED
from anonbench.datasets.image_sets.doubts import Doubts, images_by_split
from anonbench.evaluation.comparisons.best import read_best
from anonbench.evaluation.comparisons.effect_table import read_effects
from anonbench.evaluation.policy.evidence import MISSED, SEARCHED
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.scores import COLUMNS
from anonbench.evaluation.sufficiency import Needs, statement_gap, why_no_statement
from anonbench.reporting import grid_tables as tables
from anonbench.reporting.choice_effects import costs_grid, recommendations_grid, tally
from anonbench.reporting.choice_table import (
    Bests,
    best_choices,
    boxes_needed,
    choices,
    without_limit,
)
from anonbench.reporting.dataset_tables import READERS, dataset_grid
from anonbench.reporting.grid import Grid
from anonbench.reporting.grid_layout import lay_out
from anonbench.reporting.html import page
from anonbench.reporting.html.first_page import are_alike, first_page, known, lacking
from anonbench.reporting.html.page import DatasetSection, Texts
from anonbench.reporting.html.statement import write_statement
from anonbench.reporting.html.words import Facts, Words
from anonbench.reporting.labels import ACCURACIES, ENTITIES, METHODS, TIED, WORDS
from anonbench.reporting.shown_images import read_outlines
from anonbench.reporting.summary import summarize, summarize_originals


class Results(NamedTuple):
    """Tables read for a data set."""

    section: DatasetSection
    tables: Mapping[str, pd.DataFrame]
    effects: pd.DataFrame | None
    choices: pd.DataFrame
    facts: Facts
    explorer: Mapping[str, Any]  # empty without one


PAGES = WORDS["pages"]  # evidence pages: id and title
METRIC = "map"  # metric whose figures are in the report; those of other metrics are only files
TABLES = {
    **dict.fromkeys(("policy", "front_area", "reidentification", "attacks", "given"), "privacy"),
    **dict.fromkeys(("mapped", "deployments"), "retrieval"),
    "trainings": "models",
}
"""Page of each registered table; tables not listed are on the page of methods and statistics."""


def build_report(
    title: str,
    datasets: Sequence[DatasetSection],
    config: Mapping[str, Any],
    versions: Mapping[str, str],
    output: Path,
    paper: Sequence[Grid] = (),
    effort: Path | None = None,
    system: str | None = None,
    stages: Mapping[str, str] | None = None,
    configfiles: Sequence[str] = (),
    place: str = RESULTS,
) -> None:
    """Write the report: the same bytes for the same files, config and versions.

    Beside it, the folder of each data set gets `choices.csv` (the first page's numbers) and, of
    judged variants, the statement.

    Args:
        config: shown as YAML; without places (`datasets.image_sets.neutral_names.without_places`).
        versions: of the packages that made the results.
        paper: tables that compare the paper with our results.
        effort: CSV of the cost of the stages (`anonbench.reporting.grid_tables.stage_costs`).
        system: name of the one system under test; None if models are trained.
        stages: digests of the code of the stages that made the image sets.
        configfiles: as commands have to name them, as well as `place`, the folder of results.

    Raises:
        InputError: a figure is not a PNG, or a file lacks a column.
    """
    shown = Presentation.model_validate(config.get("presentation", {}))
    texts = Texts(shown.language, configfiles, place)
    retrieval = Retrieval.model_validate(config.get("retrieval", {}))
    needs = Needs.of(retrieval, shown, Policy.model_validate(config.get("policy", {})))
    bests = best_choices(read_best(path) for s in datasets if (path := s.file("best")))
    results = [_read(section, needs, bests, system, config) for section in datasets]
    for r in results:
        folder = output.parent / r.section.name
        write_csv(r.choices, folder / "choices.csv")
        if (policy := r.tables.get("policy")) is not None:
            given = r.section, r.choices, policy, Words(texts, r.facts), versions, stages or {}
            write_statement(*given, folder, shown.show_originals)
    effects = {r.section.name: r.effects for r in results if r.effects is not None}
    firsts = [first_page(r.choices, r.facts, texts) for r in results]
    pages = _evidence_pages(results, shown, effects, bests, paper, system)
    pages["provenance"]["grids"] += tables.provenance(
        versions, page.digested(r.section for r in results), effort
    )
    listed = {run["method"] for r in results for run in r.explorer.get("scenarios", ())}
    html = page.render(
        texts,
        title=title,
        firsts=firsts,
        known=known,
        are_alike=are_alike,
        lacking=lacking,
        pages=[each for name, each in pages.items() if name != "paper" or each["grids"]],
        adapting=tally(effects, "adapting"),
        missed=_missed(r.tables["policy"] for r in results if "policy" in r.tables),
        explorers=[r.explorer for r in results if r.explorer],
        methods=json.dumps(METHODS | {name: METHODS[name] for name in listed - {ORIGINAL}}),
        system=system,
        confidence=shown.confidence,
        min_clusters=MIN_CLUSTERS,
        margin=shown.equivalence_margin,
        tied=TIED,
        originals=shown.show_originals,
        config=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100),
    )
    write_text(output, html)


def _read(
    section: DatasetSection,
    needs: Needs,
    bests: Bests,
    system: str | None,
    config: Mapping[str, Any],
) -> Results:
    """Read the existing tables of a data set; without scores, all tables are empty."""
    found = {need: read(path) for need, read in READERS.items() if (path := section.file(need))}
    scores = found.setdefault("scores", pd.DataFrame(columns=COLUMNS))
    summary = summarize(scores)
    images, share = None, 1.0
    if counts := section.file("counts"):
        used = images_by_split(counts)
        images = used.get("val", 0)
        share = images / (images + used.get("train", 0)) if images else 1.0
    gap = why_no_statement(summary, needs, images)
    effects = read_effects(path) if (path := section.file("effects")) else None
    if effects is not None and gap:
        effects = effects[~effects["metric"].isin(PER_QUERY)]
    ranked = None if effects is None or effects["value"].isna().all() else effects
    judged, maps = found.get("policy"), found.get("maps")
    table = choices(section.name, summary, ranked, judged, bests, needs, gap, maps)
    top = next((row for row in table.to_dict("records") if row["query"] == ORIGINAL), None)
    doubts = read_doubts(path) if (path := section.file("audit")) else Doubts()
    notices = [("given", each) for each in left_visible(found["given"])] if "given" in found else []
    notices += [(key, {"number": n}) for key, n in doubts.published_counts().items()]
    searched: list[str] = []  # entities that are searched for, unless all are
    if judged is not None:
        rows = judged[judged["rule"] == SEARCHED].drop_duplicates("entity")
        searched = [] if (rows["value"] > 0.0).all() else [*rows.loc[rows["value"] > 0.0, "entity"]]
    explorer = read_json(path) if (path := section.file("explorer")) else {}
    boxes, examples = section.file("boxes"), explorer.get("examples", {})
    means = summarize_originals(scores).set_index(["adaption", "metric"])["value"]
    # raw pixels predict the originals' classes or persons better than the model
    toy = any(means.get((PIXELS, m), 0.0) > means.get((UNADAPTED, m), 1.0) for m in ACCURACIES)
    privacy = Privacy.model_validate(config.get("privacy", {}))
    facts = Facts(
        name=section.name,
        images=images,
        left_out=doubts.without_regions + doubts.failed,
        notices=notices,
        published=doubts.used_without_regions + doubts.used_failed,
        gap=statement_gap(summary, needs, images),
        toy=toy,
        examples=examples,
        outlines=read_outlines(boxes, section.file("manifest")) if boxes and not examples else None,
        system=system,
        needs=needs,
        searched_share=share,
        attacks=section.attacked_by,
        unlimited=without_limit(judged, top),
        true_boxes=boxes_needed(judged),
        searched=searched,
        subset=config.get("datasets", {}).get(section.name, {}).get("subset") or 0,
        drawn={name: getattr(privacy, name) for name in ("probes", "gallery", "attacked_regions")},
    )
    return Results(section, found, effects, table, facts, explorer)


def _evidence_pages(
    results: Sequence[Results],
    shown: Presentation,
    effects: Mapping[str, pd.DataFrame],
    bests: Bests,
    paper: Sequence[Grid],
    system: str | None,
) -> dict[str, dict[str, Any]]:
    """Pages with the figures that show more than a table does, and with all tables."""
    grids: dict[str, list[Grid]] = {name: [] for name in PAGES}
    pages: dict[str, dict[str, Any]] = {
        name: {"name": name, "title": title, "figures": [], "scores": [], "grids": grids[name]}
        for name, title in PAGES.items()
    }
    figures = [
        each
        for r in results
        for each in r.section.figures
        if each[0].metric in (None, METRIC) and each[0].query in (None, ORIGINAL)
    ]
    for kind, listed in page.FIGURES.items():
        if found := page.pictures(figures, kind):
            pages[listed["page"]]["figures"].append((kind, found))
    pages["models"]["scores"] = [
        lay_out(table, r.tables["scores"], r.tables.get("comparisons"), shown.confidence)
        for kind in ("retrieval", "agreement", "downstream")
        for r in results
        for table in r.section.tables
        if table.kind == kind
    ]
    costs = (costs_grid(name, table) for name, table in effects.items())
    grids["retrieval"] += [grid for grid in costs if grid is not None]
    for name in REGISTERED:
        grids[TABLES.get(name, "statistics")] += [
            dataset_grid(name, r.section.name, r.tables, shown)
            for r in results
            if set(REGISTERED[name]) <= r.tables.keys()
        ]
    for r in results:
        for degree, path in sorted(r.section.correlations.items()):
            if path.is_file():
                grids["models"] += tables.correlations(r.section.name, degree, path)

    def files(key: str) -> dict[str, Path]:
        return {r.section.name: path for r in results if (path := r.section.file(key))}

    grids["images"] += tables.attention(files("attention"))
    grids["detection"] += tables.quality(files("quality"), shown.confidence)
    grids["detection"] += tables.sizes(files("counts")) + tables.skipped(files("skipped"))
    grids["paper"] += [] if system else [recommendations_grid(effects, bests)]
    grids["paper"] += paper
    return pages


def _missed(policies: Iterable[pd.DataFrame]) -> list[str]:
    """What the detectors leave visible of each entity of each data set; empty if none is known."""
    rows = [each[each["rule"] == MISSED].drop_duplicates("entity") for each in policies]
    texts = []
    for row in pd.concat(rows).to_dict("records") if rows else ():
        entity = ENTITIES[row["entity"]]
        named = entity if entity.isupper() else entity.lower()  # MRZ, face
        value, low, high = (f"{100 * row[name]:.1f}" for name in ("value", "low", "high"))
        share = "an unknown share" if pd.isna(row["value"]) else f"{value} % ({low} to {high})"
        texts.append(f"{share} of the {named} area ({row['dataset']})")
    return texts if any(each["value"].notna().any() for each in rows) else []
