"""Columns of the result tables as values per query, the input of tests and choices.

A column is one data set, degree, method, query kind and metric; its rows are the models that can be
chosen. All rows answer the same queries, so differences are paired.
"""

import operator
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import pandas as pd

from anonbench.core.registries.method_names import place_of
from anonbench.core.vocabulary import NO_CHOICE, ORIGINAL, QueryKind, Variant
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.scores import ADAPTIONS, CLASSIFIERS, ScenarioFiles, adaption_of

SEPARATOR = "/"  # between method and adaption in the name of a choice, such as `blur/A`


@dataclass(frozen=True)
class Column:
    """Scores of the rows of one column on the same queries or images."""

    variant: Variant
    query: str  # query kind; empty for accuracies
    metric: str
    values: pd.DataFrame
    """One row per query or image, sorted by id; one column per model or method, in the order of the
    tables. Values are shares, NaN where there is no score."""
    hits: bool = False  # whether the values are hits, 1 or 0, and no scores or means over seeds

    @property
    def key(self) -> dict[str, Any]:
        """The column's cells in a table: degree, method, query and metric."""
        method = ORIGINAL if self.variant.method is None else self.variant.method
        degree = self.variant.degree
        return {"degree": degree, "method": method, "query": self.query, "metric": self.metric}


def columns_of(
    scenarios: Sequence[ScenarioFiles], reference_seed: int, control_seeds: Collection[int]
) -> Iterator[Column]:
    """Yield the columns of a data set: originals, then by degree, method, query kind and metric.

    A row's score of a query, and its share of hits on an image, are means over its seeds. Rows that
    are no choice (`NO_CHOICE`) are left out. Scenarios are in any order; those of one variant are
    in memory at once. For the seeds, see `anonbench.evaluation.scores.adaption_of`.
    """
    seeds = reference_seed, control_seeds
    variants = {files.variant for files in scenarios}
    for variant in sorted(variants, key=lambda each: (each.degree, place_of(each.method))):
        own = [files for files in scenarios if files.variant == variant]
        tables, _ = _means(own, *seeds, retrieval=True)
        yield from retrieval_columns(variant, tables)
        labelled = [files for files in own if files.predictions is not None]
        tables, single = _means(labelled, *seeds, retrieval=False)
        for metric in CLASSIFIERS if tables else ():
            values = {name: table[metric] for name, table in tables.items()}
            yield Column(variant, "", metric, pd.DataFrame(values).sort_index(), hits=single)


def by_degree(columns: Iterable[Column]) -> Iterator[list[Column]]:
    """Yield groups of anonymized-image columns that differ only in their method."""
    groups: dict[tuple[int, str, str], list[Column]] = defaultdict(list)
    for column in columns:
        if column.variant.method is not None:
            groups[column.variant.degree, column.query, column.metric].append(column)
    yield from groups.values()


def by_adaption(columns: Sequence[Column]) -> Iterator[tuple[str, Column]]:
    """Yield each adaption with a column whose rows are methods, of a group of `by_degree`."""
    for adaption in ADAPTIONS:
        if having := [column for column in columns if adaption in column.values]:
            values = {str(column.variant.method): column.values[adaption] for column in having}
            yield adaption, _joined(having, values)


def choices(columns: Sequence[Column]) -> Column:
    """A column whose rows are all choices of a method and a model; see `by_adaption`."""
    values = {
        f"{column.variant.method}{SEPARATOR}{name}": column.values[name]
        for column in columns
        for name in column.values
    }
    return _joined(columns, values)


def _joined(columns: Sequence[Column], values: dict[str, pd.Series]) -> Column:
    hits = all(column.hits for column in columns)
    return replace(columns[0], values=pd.DataFrame(values).sort_index(), hits=hits)


def _means(
    scenarios: Sequence[ScenarioFiles],
    reference_seed: int,
    control_seeds: Collection[int],
    retrieval: bool,
) -> tuple[dict[str, pd.DataFrame], bool]:
    """Means over seeds by a table's rows, NaN where one has no score; whether there is one seed."""
    read = _scores if retrieval else _hits
    found: dict[str, list[pd.DataFrame]] = defaultdict(list)
    for files in sorted(scenarios, key=lambda files: files.seed):
        name = adaption_of(files.model, files.seed, reference_seed, control_seeds, retrieval)
        if name not in NO_CHOICE:
            found[name].append(read(files).sort_index())
    rows = [name for name in ADAPTIONS if name in found]
    means = {name: reduce(operator.add, found[name]) / len(found[name]) for name in rows}
    return means, all(len(tables) == 1 for tables in found.values())


def _scores(files: ScenarioFiles) -> pd.DataFrame:
    columns = ["query", "id", *PER_QUERY.values()]
    return pd.read_parquet(files.per_query, columns=columns).set_index(["query", "id"])


def _hits(files: ScenarioFiles) -> pd.DataFrame:
    """Hits of each classifier by image id: 1 if its prediction is right, else 0."""
    predictions = pd.read_parquet(str(files.predictions))
    right = {name: predictions[name] == predictions["label"] for name in CLASSIFIERS}
    return pd.DataFrame(right).astype(float).set_index(predictions["id"])


def retrieval_columns(variant: Variant, tables: Mapping[str, pd.DataFrame]) -> Iterator[Column]:
    """Yield a variant's columns by query kind and metric, of tables by query kind and id."""
    for query in QueryKind:
        of_kind = {
            name: table.xs(query.value)
            for name, table in tables.items()
            if query.value in table.index.get_level_values(0)
        }
        for metric, column in PER_QUERY.items() if of_kind else ():
            values = {name: table[column] for name, table in of_kind.items()}
            yield Column(variant, query.value, metric, pd.DataFrame(values).sort_index())
