"""Result of an evaluation: tables, advice, a card with counts and settings, TREC's rankings."""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from anonbench.config import Policy, Presentation
from anonbench.core.io import atomic, records
from anonbench.core.numeric.frames import shared_scale
from anonbench.core.registries.method_names import pictures_of
from anonbench.core.vocabulary import ORIGINAL, QueryKind, Variant
from anonbench.core.wording import count, tally
from anonbench.datasets.formats.pixels import conversion_counts
from anonbench.datasets.inputs import LeftOut
from anonbench.embedding.store import Embeddings
from anonbench.evaluation.comparisons.columns import SEPARATOR
from anonbench.evaluation.end_to_end.encoded import METRIC, Scored
from anonbench.evaluation.policy.evidence import ATTACK
from anonbench.evaluation.policy.verdicts import Verdict, verdict_of
from anonbench.evaluation.retrieval.scoring.metrics import images_needed
from anonbench.evaluation.retrieval.vectors import ranked
from anonbench.evaluation.sufficiency import MIN_QUERIES, Needs, too_wide, why_no_statement

_SHOWN = 0.05  # percentage points that a value with one decimal shows
PRIVACY = (
    "This says what retrieval keeps, and nothing of privacy: the method that keeps most may hide "
    "least."
)
ATTACKED = (
    "These are lower bounds: an attacker who learns, or has a better model, finds more. Regions "
    "that were not found stay visible."
)
OF_MAPS = (
    "mapped_<method>: the same images, their vectors moved by five maps, each learned from others; "
    "one map for all mostly gains more with original queries. `anonbench map fit` learns it from "
    "vectors of originals and copies (`anonbench embed`), and tells its price in privacy; it is "
    "not attacked here."
)

TREC_DEPTH = 1000  # results of a query that are written, as usual at TREC
QRELS = "originals.qrels"


def advise(
    scored: Scored,
    images: int,
    presentation: Presentation,
    rates: pd.DataFrame | None = None,
    copies: int = 0,
    weak: Mapping[str, str] | None = None,
    unwise: Mapping[Variant, Mapping[str, str]] | None = None,
) -> list[str]:
    """Advice, one sentence each: the method that keeps most, and what cannot be told apart.

    `images` were scored, of which `copies` are copies of others, and say nothing new; `rates` are
    of re-identification, where it was tried. `weak` methods leave this much of a region by design;
    `unwise` has by query kind why vectors of a variant should not be mapped.
    """
    has_maps = any(pictures_of(name) != name for name in scored.table["method"].unique())
    privacy = [PRIVACY] if rates is None else [*_attacked(rates), ATTACKED]
    privacy[-1:-1] = [OF_MAPS] * has_maps
    needs = Needs.of(scored.asked, presentation, Policy())
    if gap := why_no_statement(scored.table, needs, images):
        gap = gap.replace("validation images", "images")
        return [f"NOT KNOWN what anonymizing costs: {gap}.", *privacy]
    if copies and images - copies < (needed := max(images_needed(scored.asked), MIN_QUERIES)):
        gap = f"without copies there are {images - copies:,} images, and it takes {needed:,}"
        more = needed - images + copies
        return [f"NOT KNOWN what anonymizing costs: {gap}: add {more:,}.", *privacy]
    sentences = []
    for degree in sorted(map(int, scored.table["degree"].unique()), reverse=True):
        for kind in map(str, QueryKind):
            found = {
                str(variant.method): why[kind]
                for variant, why in (unwise or {}).items()
                if variant.degree == degree and why[kind]
            }
            sentences.append(_sentence(scored, degree, kind, needs, rates, weak or {}, found))
    return [*sentences, *privacy]


def _ruled_out(
    rates: pd.DataFrame, degree: int, needs: Needs, scored: Collection[str], weak: Mapping[str, str]
) -> dict[str, str]:
    """Scored methods that surely exceed the limit on re-identification, or are weak, and why."""
    found = {name: f"leaves {left} of a region" for name, left in weak.items()}
    rows = rates[(rates["degree"] == degree) & (rates["low"] > needs.limit)]
    for row in reversed(rows.to_dict("records")):
        rate, low, limit = (100 * each for each in (row["rate"], row["low"], needs.limit))
        found[row["method"]] = f"{rate:.1f} % re-identified, {low:.1f} or more, allowed {limit:g}"
    # mapped vectors: of the same pictures
    return {name: found[of] for name in sorted(scored) if (of := pictures_of(name)) in found}


def _unsure(rates: pd.DataFrame, degree: int, method: str, needs: Needs) -> str:
    """Why it is not known that a method stays within the limit on re-identification, or nothing."""
    rows = rates[(rates["degree"] == degree) & (rates["method"] == pictures_of(method))]
    for row in rows.to_dict("records"):
        if verdict_of(row | {"rule": ATTACK}, "most", needs.limit) is not Verdict.PASS:
            why = "as little may be found of originals"
            if row["high"] > needs.limit:
                why = "its interval contains the limit"
            return str(row["reason"]) or f"{row['entity']}: {why}"
    return "" if len(rows) else "it was not attacked"


def _sentence(
    scored: Scored,
    degree: int,
    query: str,
    needs: Needs,
    rates: pd.DataFrame | None,
    weak: Mapping[str, str],
    unwise: Mapping[str, str],
) -> str:
    """State the method that keeps most, preferring methods that are not ruled out."""
    where = f"With {degree} % of regions hidden and {query} queries"

    def asked(table: pd.DataFrame) -> pd.DataFrame:
        of_kind = (table["degree"] == degree) & (table["query"] == query)
        return table[of_kind & (table["metric"] == METRIC)]

    rows, chosen = asked(scored.table).set_index("method"), asked(scored.best).iloc[0]
    out = {} if rates is None else _ruled_out(rates, degree, needs, {*rows.index}, weak)
    out = {**unwise, **out}
    others = [name for name in rows.index if name not in out]
    best = first = chosen["best"].partition(SEPARATOR)[0]
    if best in out and others:
        best = str(rows.loc[others, "value"].astype(float).idxmax())
    names = ("value", "low", "high", "floor")
    value, low, high, floor = (float(rows[name].loc[best]) for name in names)
    shown = f"mAP {100 * value:.1f} %"
    if chosen["reason"]:
        return f"{where}: NOT KNOWN which method keeps most: {chosen['reason']} ({best}: {shown})."
    if unknown := too_wide(low, high, needs):
        return f"{where}: NOT KNOWN what {best} keeps: {unknown}."
    among = " of what is not ruled out" if out and others else ""
    text = f"{where}, {best} keeps most{among}: {shown} ({100 * low:.1f} to {100 * high:.1f})"
    if best == first and 100 * chosen["optimism"] >= _SHOWN:  # NaN is not
        text += f", {100 * chosen['unbiased']:.1f} % after correction for choosing the highest"
    pairs = asked(scored.comparisons)
    differ = pairs[pairs["p_holm"] <= 1.0 - needs.confidence]
    apart = {*differ.loc[differ["a"] == best, "b"], *differ.loc[differ["b"] == best, "a"]}
    alike = [each for each in others or rows.index if each != best and each not in apart]
    text += f"; {' and '.join(alike)} cannot be told from it." if alike else "."
    text += " It cannot be told from chance." if low <= floor else ""
    if rates is not None and best in others and (why := _unsure(rates, degree, best, needs)):
        text += f" NOT KNOWN if at most {100 * needs.limit:g} % are re-identified: {why}."
    listed = ", ".join(f"{name} ({why})" for name, why in out.items())
    return f"{text} {'Ruled out' if others else 'All are ruled out'}: {listed}." if out else text


def _attacked(found: pd.DataFrame) -> Iterator[str]:
    """Say how often hidden regions are found, for each degree and method."""
    for row in found.to_dict("records"):
        if row["method"] != ORIGINAL:
            rate, low, high = (f"{100 * row[name]:.1f}" for name in ("rate", "low", "high"))
            between = f" ({low} to {high})" if low != "nan" else ""
            yield (
                f"With {row['degree']} % hidden by {row['method']}, the system finds the original "
                f"of {rate} % of the {row['entity']} regions{between} among {row['gallery']:,}; "
                f"by chance {100 * row['chance']:.1f} %."
                + (f" NOT KNOWN whether it resists: {row['reason']}." if row["reason"] else "")
            )


_METRICS = {"map": "mAP", "mndcg": "mnDCG"}
_LEVELS = {"chance": "chance", "floor": "chance, own image first"}
"""Rows of a random ranking, and of one in which anonymized queries still find themselves first."""


@dataclass(frozen=True)
class Result(Scored):
    """How well a system keeps its ranking of the originals, by method and degree."""

    vectors: Mapping[Variant, Embeddings] = field(repr=False)
    """Of the originals (`Variant()`) and of each variant."""
    images: pd.DataFrame = field(repr=False)
    """One row an image that could be opened: id, status (ok, empty, failed, unreadable), reason,
    regions, doubts, converted (what reading does to it). Scored are those that are ok, and with
    `keep_without_regions` those that are empty."""
    left_out: Sequence[LeftOut] = field(repr=False)
    """Files that are no images or cannot be opened, with the reason."""
    boxes: pd.DataFrame = field(repr=False)
    """Regions of the scored images, columns `anonbench.core.boxes.BOX_COLUMNS`."""
    advice: tuple[str, ...]
    """The method that keeps most, and what cannot be told apart, one sentence each."""
    made_by: Mapping[str, Any] = field(repr=False)
    """Versions, digests and settings, as the card shows them."""
    rates: pd.DataFrame | None = field(default=None, repr=False)
    """Re-identification rates of hidden regions, if measured; columns
    `anonbench.evaluation.end_to_end.evaluate.RATE_COLUMNS`."""

    def card(self) -> dict[str, Any]:
        """Origin of the result as plain data: counts, digests, settings, versions."""
        statuses = Counter(self.images["status"])
        loud = Counter(each.reason for each in self.left_out if not each.quiet)
        late = self.images.loc[self.images["status"] == "unreadable", "reason"]
        entities = self.boxes["entity"].value_counts().sort_index()
        return {
            "images": {
                "scored": len(self.vectors[Variant()].ids),
                "opened": len(self.images),
                "without_regions": statuses["empty"],
                "failed_detector": statuses["failed"],
                "unreadable": statuses["unreadable"] + loud.total(),
                "other_files": len(self.left_out) - loud.total(),
                "left_out_because": dict(sorted((loud + Counter(late)).items())),
                "converted": conversion_counts(self.images["converted"]),
            },
            "regions": {str(entity): int(number) for entity, number in entities.items()},
            "k": self.k,
            **self.made_by,
        }

    @property
    def doubtful(self) -> int:
        """Images that could not be read, or on which a detector failed."""
        counts = self.card()["images"]
        return int(counts["failed_detector"] + counts["unreadable"])

    def to_json(self) -> str:
        """Card, advice, scores and comparisons as JSON."""
        content = {
            "card": self.card(),
            "advice": list(self.advice),
            "scores": records(self.table),
            "comparisons": records(self.comparisons),
            "reidentification": None if self.rates is None else records(self.rates),
        }
        return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)

    def to_markdown(self) -> str:
        """Advice, scores and counts as Markdown."""
        heads, *rows = (f"| {' | '.join(row)} |" for row in self.grid())
        rule = f"| --- |{' ---: |' * (heads.count(' | '))}"
        return "\n".join(
            [*(f"- {each}" for each in self.advice), "", heads, rule, *rows, "", self.counts()]
        )

    def grid(self) -> list[list[str]]:
        """Scores as text: header, a row for each degree and method, and rows for chance."""
        columns = list(product(_METRICS, QueryKind))
        heads = [f"{_METRICS[metric]}, {kind} queries" for metric, kind in columns]
        lines = [["method", "degree", *heads]]
        for (degree, method), rows in self.table.groupby(["degree", "method"], sort=False):
            found = rows.set_index(["metric", "query"]).loc[columns].to_dict("records")
            lines.append([str(method), str(degree), *map(_cell, found)])
        levels = {
            label: [f"{100 * each[name]:.1f}" for each in found] for name, label in _LEVELS.items()
        }
        # two kinds of chance with equal values share a row, named after the first
        distinct = {tuple(values): label for label, values in reversed(levels.items())}
        return [*lines, *([label, "", *values] for values, label in reversed(distinct.items()))]

    def counts(self) -> str:
        """Number of images that were scored, and of those left out with reasons, as text."""
        counts = self.card()["images"]
        reasons = {
            "without_regions": "without regions",
            "failed_detector": "on which a detector failed",
            "unreadable": "unreadable",
        }
        same = 0  # images scored although nothing was found in them
        if self.made_by["settings"]["keep_without_regions"]:
            same, counts["without_regions"] = counts["without_regions"], 0
        others = [f"{counts[key]:,} {text}" for key, text in reasons.items() if counts[key]]
        left = f"; left out: {', '.join(others)}" if others else ""
        if why := tally(counts["left_out_because"]):
            left += f" ({why})"
        if counts["converted"]:
            left += f"; converted while they were read: {tally(counts['converted'])}"
        clusters, copies = self.made_by["clusters"], self.made_by["copies"]
        over = "queries, which count as independent; where several show one person or page, name "
        if clusters in (None, counts["scored"] - copies):  # copies of one image are a cluster
            over += "clusters"
        else:
            over = f"{count(clusters, 'cluster')} of queries"
        repeated = f", {copies:,} of them copies of others" if copies else ""
        repeated += f", {same:,} of them unchanged: without regions" if same else ""
        used = f"{count(counts['scored'], 'image')} scored{repeated}, k = {self.k}{left}."
        confidence = self.made_by["settings"]["confidence"]
        return f"{used} Percent; {confidence:.0%} intervals over {over}."

    def image_list(self) -> pd.DataFrame:
        """Every file that was given: name or id, status, reason, regions, doubts, converted."""
        left = [(each.name, "left out", each.reason, 0) for each in self.left_out]
        rest = pd.DataFrame(left, columns=["id", "status", "reason", "regions"])
        rest = rest.reindex(columns=self.images.columns, fill_value="")
        return pd.concat([self.images, rest], ignore_index=True).sort_values("id")

    def trec_runs(self, folder: Path | str, depth: int = TREC_DEPTH) -> list[Path]:
        """Write TREC's formats: a run for each variant and query kind, and judgments for all.

        A run has a line `query Q0 image rank similarity anonbench` for each of the first `depth`
        results, most similar first; ties are broken by id, and equal similarities are written a
        last digit apart, because tools sort by them. The judgments, the first of the paths, have a
        line `query 0 image 1` for each of the first k images of the originals' ranking. Ids are
        percent-encoded, since fields are separated by spaces.
        """
        originals = self.vectors[Variant()]
        names = [quote(image_id, safe="/") for image_id in originals.ids]
        frame = shared_scale(originals.similarity, lambda: [originals.values])
        units = {variant: frame.rows(each.values) for variant, each in self.vectors.items()}
        own = None if self.settings.include_self else range(len(names))

        def rankings(asked: Variant, searched: Variant) -> Iterator[_Ranking]:
            return zip(names, ranked(units[asked], units[searched], own, frame), strict=True)

        lines: dict[str, Iterator[str]] = {
            QRELS: (
                f"{query} 0 {names[image]} 1\n"
                for query, (order, _) in rankings(Variant(), Variant())
                for image in sorted(order[: self.k])
            )
        }
        for variant, kind in product([each for each in units if each != Variant()], QueryKind):
            found = rankings(Variant() if kind is QueryKind.ORIGINAL else variant, variant)
            lines[f"{variant}.{kind}.run"] = _results(names, found, depth)
        paths = [Path(folder) / name for name in lines]
        for path, content in zip(paths, lines.values(), strict=True):
            with atomic(path) as temporary, temporary.open("w", encoding="utf-8") as file:
                file.writelines(content)
        return paths


_Ranking = tuple[str, tuple[np.ndarray, np.ndarray]]  # a query's name, positions and similarities


def _results(names: Sequence[str], found: Iterator[_Ranking], depth: int) -> Iterator[str]:
    """Yield a run's lines."""
    for query, (order, similarities) in found:
        above = np.inf
        first = zip(order[:depth], similarities, strict=False)
        for rank, (image, similarity) in enumerate(first, 1):
            above = min(float(similarity), float(np.nextafter(above, -np.inf)))
            yield f"{query} Q0 {names[image]} {rank} {above!r} anonbench\n"


def _cell(row: Mapping[Any, Any]) -> str:
    if pd.isna(row["value"]):
        return "–"
    value, low, high = (f"{100 * row[name]:.1f}" for name in ("value", "low", "high"))
    return value if pd.isna(row["low"]) else f"{value} ({low} to {high})"
