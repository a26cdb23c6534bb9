"""Simulated archives of which the truth is known, in the files that the rules read.

A query's score is its scenario's true level, plus how easy the query is for every model, plus how
it differs for this one. Both vary by person and by photograph, so that the photographs of a person
are alike. Metrics are drawn independently of each other: an archive is one repetition for each of
`METRICS`. What is left out, because no rule here depends on it: rankings, images, and the range of
scores (they are not clipped, so that a level is the mean).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from anonbench.config.outputs import Scenario
from anonbench.core.io import write_json
from anonbench.core.vocabulary import Adaption, Model, QueryKind, Variant
from anonbench.evaluation.retrieval.scoring.metrics import PER_QUERY
from anonbench.evaluation.scores import ScenarioFiles

NAME = "simulated"
METRICS = [metric for metric in PER_QUERY if metric != "unchanged"]
"""Metrics whose scores are drawn. The other one counts queries."""
FLOOR = 0.1
"""Chance and floor of all metrics."""
TRAINED, CONTROL_SEED = 0, 1
"""Seeds of the models and the reference, and of the control, which is the second reference."""


@dataclass(frozen=True)
class Truth:
    """What is true of an archive, in shares."""

    adapting: Mapping[Adaption, float] = field(default_factory=lambda: {Adaption.A: 0.0})
    """Cost of each adaption, by a second reference."""
    lost: Mapping[str, float] = field(default_factory=lambda: {"blur": 0.05})
    """Cost of anonymizing by each method."""
    ceiling: float = 0.5
    """Score of the unadapted model on originals by a second reference."""
    bias: float = 0.15
    """How much more the unadapted model scores by its own reference."""
    persons: int = 40
    photographs: int = 10
    alike: float = 0.4
    """Share of the variance that is between persons (intraclass correlation)."""
    difficulty: float = 0.1
    """Standard deviation of a query's scores that all models share."""
    difference: float = 0.02
    """Standard deviation of a query's score by one model in one scenario."""

    def level(self, scenario: Scenario, reference: int) -> float:
        """Return the true score of a scenario by the reference of a seed."""
        if scenario == Scenario(Model(), reference, Variant()):
            return 1.0
        method, adaption = scenario.variant.method, scenario.model.adaption
        level = self.ceiling - (self.lost[method] if method else 0.0)
        if adaption is not Adaption.UNADAPTED:
            return level - self.adapting[adaption]
        return level + self.bias * (scenario.seed == reference)


@dataclass(frozen=True)
class Archive:
    """The files of a simulated archive."""

    scenarios: list[ScenarioFiles]
    """All of them, the control's on originals among them."""
    trained: list[Scenario]
    """Those of the training seed."""
    own: list[Path]
    """Scores of these by their own reference."""
    second: Path
    """Scores of these by the control's reference."""
    clusters: pd.Series
    """The person of each image, by id."""


def write_archive(truth: Truth, folder: Path, generator: np.random.Generator) -> Archive:
    """Draw an archive and write its files into a folder; what is there is replaced."""
    draws = _Draws(truth, generator)
    variants = [Variant(), *(Variant(method, 100) for method in truth.lost)]
    trained = [Scenario(Model(), TRAINED, Variant())]
    for variant in variants[1:]:
        models = [Model(), *(Model(adaption, variant) for adaption in truth.adapting)]
        trained += [Scenario(model, TRAINED, variant) for model in models]
    control = [Scenario(Model(), CONTROL_SEED, Variant())]
    summary = folder / "retrieval.json"
    floor = {kind.value: dict.fromkeys(METRICS, FLOOR) for kind in QueryKind}
    write_json(summary, {"k": 20, "top": 10, "chance": floor["original"], "floor": floor})
    files = []
    for number, scenario in enumerate([*trained, *control]):
        stem = folder / str(number)
        draws.scores(scenario, TRAINED).to_parquet(f"{stem}.parquet")
        key = (scenario.model, scenario.seed, scenario.variant)
        files.append(ScenarioFiles(*key, summary, Path(f"{stem}.parquet")))
    second = folder / "second.parquet"
    tables = [draws.scores(each, CONTROL_SEED).assign(scenario=each.path) for each in trained]
    pd.concat(tables, ignore_index=True).to_parquet(second)
    own = [each.per_query for each in files[: len(trained)]]
    clusters = pd.Series(draws.persons, draws.ids, name="person")
    return Archive(files, trained, own, second, clusters)


class _Draws:
    """Draws of one archive: how easy its queries are, and what differs between scenarios."""

    def __init__(self, truth: Truth, generator: np.random.Generator) -> None:
        self._truth, self._generator = truth, generator
        count = truth.persons * truth.photographs
        self.ids = [f"{number:06d}" for number in range(count)]
        self.persons = np.repeat(np.arange(truth.persons), truth.photographs)
        easy = {kind: self.dependent(len(METRICS)) for kind in QueryKind}
        self._easy = {kind: truth.difficulty * values for kind, values in easy.items()}

    def dependent(self, columns: int) -> np.ndarray:
        """Return standard normal values [N, columns] of images, alike within a person."""
        alike, draw = self._truth.alike, self._generator.standard_normal
        person = draw((self._truth.persons, columns))[self.persons]
        return np.sqrt(alike) * person + np.sqrt(1.0 - alike) * draw(person.shape)

    def scores(self, scenario: Scenario, reference: int) -> pd.DataFrame:
        """Return a scenario's scores of each query by one reference."""
        level = self._truth.level(scenario, reference)
        kinds = list(QueryKind) if scenario.variant.method else [QueryKind.ORIGINAL]
        tables = []
        for kind in kinds:
            own = self._truth.difference * self.dependent(len(METRICS))
            values = np.ones_like(own) if level == 1.0 else level + self._easy[kind] + own
            table = pd.DataFrame(values, columns=[PER_QUERY[metric] for metric in METRICS])
            table["unchanged"] = (own[:, 0] > 0.0).astype(float)
            tables.append(table.assign(id=self.ids, query=kind.value))
        return pd.concat(tables, ignore_index=True)
