"""Results file: the results of one system on one data set, as one JSON file.

A folder of them, own and others', is one table, like MTEB's (Muennighoff et al. 2023). It has no
paths, no ids of images and no class labels.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from anonbench.core.errors import InputError
from anonbench.core.io import files_in, write_json
from anonbench.core.registries.attacks import NOTHING_TO_ATTACK
from anonbench.core.registries.method_names import published_as
from anonbench.core.settings import fault
from anonbench.core.vocabulary import NO_CHOICE
from anonbench.evaluation.policy.evidence import ATTACK
from anonbench.reporting.summary import summarize, summarize_originals

Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f/\\]+$")]
Value = Annotated[float, Field(ge=-1.0, le=1.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]


class _Part(BaseModel):
    """Section of a file: no other fields than these, numbers are no text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


_P = TypeVar("_P", bound=_Part)


class Score(_Part):
    """A retrieval metric or an accuracy, as a share, with its interval over clusters of queries."""

    metric: Name
    query: Literal["original", "anonymized", ""]  # empty for accuracies
    value: Value
    low: Value | None = None
    high: Value | None = None
    n: Count
    clusters: Count | None = None
    k: Count | None = None


class Attack(_Part):
    """Rate of an attack, as a share, with its interval; `control` is that of a masked image."""

    attack: Name
    measure: str
    entity: str
    rate: Value
    low: Value | None = None
    high: Value | None = None
    control: Value | None = None
    n: Count | None = None
    reason: str | None = None  # why the rate shows nothing, or what of it is not known


class Result(_Part):
    """A method at one degree, searched with one adaption of the system."""

    method: Name
    parameters: dict[str, Any]
    degree: Annotated[int, Field(ge=0, le=100)]
    adaption: Name
    scores: tuple[Score, ...]
    attacks: tuple[Attack, ...] = ()


class Results(_Part):
    """One system on one data set; the originals are the method `original` at degree 0."""

    schema_version: Literal[1]  # files of another version are refused
    anonbench: Name  # version that measured; other programs give their own name and version
    system: Name
    kind: Name
    dataset: Name
    images: Count  # images that are searched
    detectors: tuple[Name, ...]
    confidence: Annotated[float, Field(gt=0.0, lt=1.0)]  # of all intervals
    results: tuple[Result, ...]


TABLE = ["system", "dataset", "method", "degree", "adaption", "measure", "query"]
TABLE += ["value", "low", "high", "n", "reason", "images", "anonbench"]
"""Columns of the table of many files: one row per score and per attack, whose `measure` is
`<attack>: <measure> <entity>`."""


def results_of(
    about: Mapping[str, Any],
    parameters: Mapping[str, Mapping[str, Any]],
    scores: pd.DataFrame,
    policy: pd.DataFrame,
) -> Results:
    """Results file of one system on one data set.

    `about` are the fields of `Results` that are not measured, `parameters` those of each method
    without paths, `policy` has the attacks (`evaluation.policy.table.read_policy`).
    """
    kept = pd.concat([summarize_originals(scores), summarize(scores)])
    kept = kept[~kept["adaption"].isin(NO_CHOICE)]
    attacks = policy[(policy["rule"] == ATTACK) & policy["value"].notna()]
    attacks = attacks[~attacks["reason"].isin(NOTHING_TO_ATTACK)].rename(columns={"value": "rate"})
    attacks = attacks.assign(reason=attacks["reason"].where(attacks["reason"] != ""))
    results = []
    key: Any
    for key, group in kept.groupby(["degree", "method", "adaption"], sort=True):
        degree, method, adaption = int(key[0]), str(key[1]), str(key[2])
        same = (attacks["method"] == published_as(method, adaption)) & (attacks["degree"] == degree)
        own: dict[str, Any] = {"degree": degree, "method": method, "adaption": adaption}
        own |= {"parameters": dict(parameters.get(method, {}))}
        scores_of, attacks_of = _records(group, Score), _records(attacks[same], Attack)
        results.append(Result(scores=scores_of, attacks=attacks_of, **own))
    return Results(schema_version=1, results=tuple(results), **about)


def _records(table: pd.DataFrame, kind: type[_P]) -> tuple[_P, ...]:
    columns = [*kind.model_fields]
    counts = dict.fromkeys({"n", "clusters", "k"} & set(columns), "Int64")
    known = table[columns].map(lambda v: round(v, 6) if isinstance(v, float) else v)
    known = known.astype(counts).astype(object)
    rows: Any = known.where(known.notna(), None).to_dict("records")
    return tuple(kind(**row) for row in rows)


def write_results(results: Results, path: Path) -> None:
    """Write a results file: sorted keys, the same bytes for the same numbers."""
    write_json(path, results.model_dump(mode="json", exclude_none=True))


def read_results(path: Path) -> Results:
    """Read a results file, one's own or another's.

    Raises:
        InputError: it is no such file; the message names the file and the field.
    """
    try:
        return Results.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(map(str, first["loc"])) or "the file"
        hint = "docs/how-to/results-file.md describes the fields"
        raise InputError(f"{path}: {field}: {fault(first)}; {hint}") from None


def table_of(places: Iterable[Path]) -> pd.DataFrame:
    """One table of many results files, and folders of them, columns `TABLE`.

    Raises:
        InputError: no file was found, one is wrong, or two are of the same system and data set.
    """
    paths = [path for place in places for path in files_in(place) if path.suffix == ".json"]
    if not paths:
        raise InputError("no results file (.json) was found; name files or folders of them")
    rows = []
    there: dict[tuple[str, str], Path] = {}
    for path in paths:
        found = read_results(path)
        other = there.setdefault((found.system, found.dataset), path)
        if other is not path:
            both = f"system ({found.system}) and data set ({found.dataset})"
            raise InputError(f"{path}: {other} is of the same {both}; rename one in `system`")
        whole = found.model_dump(include={"images", "anonbench", "system", "dataset"})
        for result in found.results:
            whole |= result.model_dump(include={"method", "degree", "adaption"})
            rows += [whole | s.model_dump() | {"measure": s.metric} for s in result.scores]
            for attack in result.attacks:
                measure = f"{attack.attack}: {attack.measure} {attack.entity}".strip()
                own = {"measure": measure, "query": "", "value": attack.rate}
                rows.append(whole | attack.model_dump() | own)
    table = pd.DataFrame(rows, columns=TABLE)
    return table.sort_values(["dataset", "system"], kind="stable", ignore_index=True)
