"""Tables of an experiment's plan, from its config: Tables I to IV of the paper (2602.19641).

Every data set gets a table of its scenarios as II to IV; the columns of Table I, which lists
earlier work, describe our own data sets.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import pandas as pd

from anonbench.config import Config
from anonbench.config.experiment import Experiment
from anonbench.core.registries.detectors import DETECTORS as DETECTOR_KINDS
from anonbench.core.vocabulary import ORIGINAL, UNADAPTED, Baseline, QueryKind, Variant
from anonbench.core.wording import count
from anonbench.datasets.image_sets.doubts import images_by_split
from anonbench.evaluation.scores import adaption_of
from anonbench.reporting.grid import Grid, grid_of, write_grid
from anonbench.reporting.labels import ADAPTIONS, DETECTORS, ENTITIES, QUERIES, WORDS
from anonbench.reporting.paper.ours import ROLE_NAMES, SCENARIO_TABLES, stand_in

COLUMNS = (
    *("query", "adaption", "model", "seeds"),
    *("global_crops", "local_crops", "query_images", "database"),
)
"""Columns of the scenarios: the query kind and row of the result tables, the model as in paths,
its seeds, and the variants that it is trained on (empty for a baseline or a system), queried with
and that fill the database."""


def scenario_rows(experiment: Experiment, name: str) -> list[tuple[str, ...]]:
    """Every scenario of a data set that is scored (`COLUMNS`), those of original queries first.

    Scenarios on original images (the ceiling, and the control's) have original queries only.
    """
    seeds: dict[tuple[str, ...], list[int]] = {}
    for query, run in product(QueryKind, experiment.scenarios(name)):
        if query is QueryKind.ANONYMIZED and run.variant == Variant():
            continue
        seeded = run.seed, experiment.reference_seed, experiment.config.control_seeds
        row = adaption_of(run.model, *seeded, retrieval=True)
        adaption = run.model.adaption
        crops: tuple[str, ...] = ("", "")
        if not (experiment.is_frozen(name) or isinstance(adaption, Baseline)):
            kinds = (adaption.global_anonymized, adaption.local_anonymized)
            crops = tuple(str(run.model.variant) if kind else ORIGINAL for kind in kinds)
        asked = ORIGINAL if query is QueryKind.ORIGINAL else str(run.variant)
        key = (query.value, row, str(run.model), *crops, asked, str(run.variant))
        seeds.setdefault(key, []).append(run.seed)
    return [(*key[:3], " ".join(map(str, seeds[key])), *key[3:]) for key in seeds]


def scenario_grid(experiment: Experiment, name: str) -> Grid:
    """Table of scenarios by query kind and model: a row stands for one per method and degree."""
    dataset, system = experiment.datasets[name], experiment.config.system_of(name)
    frozen = experiment.is_frozen(name)
    table = pd.DataFrame(scenario_rows(experiment, name), columns=list(COLUMNS))
    originals = "Original images: the reference ranking and the ceiling"
    labels = table["query"].map(QUERIES).mask(table["database"] == ORIGINAL, originals)
    rows, kinds = [], {"": "none", ORIGINAL: ORIGINAL}
    for label, adaption in product((originals, *QUERIES.values()), ADAPTIONS):
        found = table[(labels == label) & (table["adaption"] == adaption)]
        if len(found):
            runs = found.assign(seed=found["seeds"].str.split()).explode("seed")
            is_trained = not frozen and adaption not in set(Baseline)
            trainings = len(runs.drop_duplicates(["model", "seed"])) if is_trained else 0
            images = (kinds.get(found[each].iloc[0], "anonymized") for each in COLUMNS[4:])
            model = (adaption == UNADAPTED and dataset.system) or ADAPTIONS[adaption]
            rows.append((label, model, *images, f"{trainings:,}", f"{len(runs):,}"))
    heads = [("", ""), ("", "Model"), ("Trained on", "Global crops"), ("Trained on", "Local crops")]
    heads += [("Retrieval", "Queries"), ("Retrieval", "Database")]
    heads += [("", "Trainings"), ("", "Scenarios")]
    reference = f"the unadapted model's of seed {experiment.reference_seed}"
    if system is not None:
        reference = f"that of the system {dataset.system}, as it is"
    return grid_of(
        "scenarios",
        pd.DataFrame(rows, columns=heads),
        dataset=name,
        methods=", ".join(dataset.all_methods),
        degrees=", ".join(map(str, sorted(dataset.degrees))),
        similarity=WORDS["similarities"]["cosine" if system is None else system.similarity],
        is_frozen=frozen,
        reference=reference,
        number=next((n for n, role in SCENARIO_TABLES.items() if role is dataset.paper_role), None),
        left=5,
    )


_IMAGES = "Validation"


def profiles(config: Config) -> list[dict[str, str]]:
    """Enabled data sets in the columns of the paper's Table I, without the number of images."""
    found = []
    for name, dataset in config.enabled.items():
        stands = "own"
        if role := dataset.paper_role:
            stands = ": ".join(filter(None, (ROLE_NAMES[role], stand_in(dataset))))
        names = [n for each in dataset.detectors for n in DETECTOR_KINDS[each].entities or (each,)]
        entities = [ENTITIES.get(n, DETECTORS.get(n, n)) for n in dict.fromkeys(names)]
        degrees = ", ".join(map(str, sorted(dataset.degrees)))
        labelled = f", classification ({dataset.label})" if dataset.is_classified else ""
        profile = {"Data set": name, "Stands for": stands}
        profile["Methods (degrees)"] = f"{', '.join(dataset.all_methods)} ({degrees} %)"
        profile["Entities"] = ", ".join(entities)
        profile["Retraining"] = ", ".join(map(str, dataset.trained_adaptions)) or "no"
        found.append(profile | {_IMAGES: "", "Vision tasks": f"retrieval{labelled}"})
    return found


def write_profiles(
    chosen: Sequence[Mapping[str, str]], counts: Sequence[Path], outputs: Sequence[Path]
) -> None:
    """Write the profiles of the data sets, one row each, with their counts of images by split."""
    table = pd.DataFrame([*chosen])
    table[_IMAGES] = [count(images_by_split(path)["val"], "image") for path in counts]
    wrapped = tuple(enumerate((0.10, 0.15, 0.16, 0.09, 0.09, 0.09, 0.12)))
    grid = grid_of("experiment", table, stem="experiment", left=7, wrapped=wrapped)
    write_grid(grid, table, outputs)
