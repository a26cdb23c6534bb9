"""Settings read by jobs, as parameters of rules, by the name of the script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from anonbench.config import Config
from anonbench.config import stage_parameters as of
from anonbench.config.experiment import Experiment, truth_of
from anonbench.config.outputs import Scenario
from anonbench.config.stage_parameters import Slice
from anonbench.core.registries.method_names import published_as

OF_ALL: tuple[tuple[Callable[[Config], Slice], tuple[str, ...]], ...] = (
    (of.retrieve, ("enough", "retrieve", "rankings")),
    (of.scores, ("scores", "given_summary", "reidentification")),
    (of.comparisons, ("comparisons", "effects", "query_kinds", "drift")),
    (of.trainings, ("trainings",)),
    (of.privacy, ("reidentify",)),
    *((each, (each.__name__,)) for each in (of.embed, of.redraw)),
    *((each, (each.__name__,)) for each in (of.variance, of.best, of.correlate)),
)
"""Settings that are the same for all data sets, with the scripts that read them."""
OF_DATASET: tuple[Callable[[Config, str], Slice], ...] = (
    *(of.manifest, of.clusters, of.match, of.detect, of.quality, of.sweep),
    *(of.train, of.untrained, of.train_redrawer, of.embed_pixels, of.map_vectors),
    *(of.deployments, of.downstream, of.attack, of.policy),
)
"""Settings that depend on the data set; each function has the name of its script."""
SHOWN: dict[tuple[str, ...], tuple[str, ...]] = {
    ("dpi",): ("detection_figure", "learning"),
    ("confidence",): ("attention_share", "findings_systems"),
    ("dpi", "confidence", "widest_interval"): ("front",),
    ("dpi", "show_originals"): ("attention",),
    ("dpi", "show_originals", "example_images"): ("examples",),
    ("attention_images",): ("attend",),
}
"""Presentation settings, with the scripts that read them."""
NAME_A_SYSTEM = ("front",)
"""Scripts that label models by the data set's system, if there is one."""


def job_settings(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """Parameters by script and name: values, or functions of a job's wildcards.

    `slice` is a section of the config; `system` is the name for labels, if there is one;
    `scenarios` are model, seed and variant of each. The job's rule names their files.
    """
    datasets, found = experiment.datasets, _facts(experiment)
    system = {"system": lambda w: datasets[w.dataset].system}
    for name, part in _slices(experiment).items():
        found[name] = found.get(name, {}) | {"slice": part}
    return found | {name: found[name] | system for name in NAME_A_SYSTEM}


def _slices(experiment: Experiment) -> dict[str, Any]:
    config, shown = experiment.config, experiment.config.presentation

    def of_dataset(part: Callable[[Config, str], Slice]) -> Callable[[Any], Slice]:
        return lambda w: part(config, w.dataset)

    slices: dict[str, Any] = {
        "anonymize": lambda w: of.anonymize(config, w.dataset, w.variant),
        "given": lambda w: of.given(config, w.dataset, w.variant),
        "explore": {"queries": shown.explorer_queries, "results": shown.explorer_results},
    }
    slices |= {name: part(config) for part, scripts in OF_ALL for name in scripts}
    slices |= {part.__name__: of_dataset(part) for part in OF_DATASET}
    for fields, scripts in SHOWN.items():
        slices |= dict.fromkeys(scripts, of.show(config, *fields))
    return slices


def _facts(experiment: Experiment) -> dict[str, dict[str, Any]]:
    config, data = experiment.config, experiment.datasets
    keep = {"keep_without_regions": lambda w: data[w.dataset].keep_without_regions}
    variants = {"variants": lambda w: list(map(str, experiment.variants(w.dataset)))}
    apart = {
        "apart": lambda w: [
            published_as(str(each.variant), each.adaption)
            for each in experiment.own_vectors(w.dataset)
        ]
    }
    sought = {"sought": lambda w: _sought(experiment, w.dataset)}
    pictured = {"pictured_methods": lambda w: list(data[w.dataset].unaudited_methods)}
    hidden = pictured | {"hiding": lambda w: of.hiding(config, w.dataset)}
    system = {"system": lambda w: of.system(config, w.dataset) if data[w.dataset].system else None}
    seeds = {"reference_seed": experiment.reference_seed, "control_seeds": config.control_seeds}
    judges = {"references": lambda w: _references(experiment, w.dataset)}
    drawn = {"drawn_truth": lambda w: _drawn_truth(experiment, w.dataset)}
    every = _listed(experiment.scenarios)
    trained, hiding = (
        _listed(experiment.trained_scenarios),
        _listed(experiment.anonymized_scenarios),
    )
    ranked = config.retrieval.model_dump(mode="json", include={"fraction", "include_self"})
    return {
        **dict.fromkeys(("boxes", "originals"), keep),
        **dict.fromkeys(("quality", "sweep"), drawn),
        "manifest": {"name": lambda w: w.dataset},
        "detect": {"templates": lambda w: str(data[w.dataset].templates or "")},
        "claims": {"level": round(1 - config.presentation.confidence, 9)},
        "report": {"system": experiment.system_label},
        "review": {"listed": config.detection_quality.listed},
        "given_summary": {"programs": lambda w: list(data[w.dataset].given)},
        "embed_pixels": {"dataset": lambda w: w.dataset},
        "retrieve": {"shards": config.retrieval.shards},
        **dict.fromkeys(("scores", "comparisons"), seeds | {"scenarios": every}),
        **dict.fromkeys(("effects", "variance"), judges | {"scenarios": trained}),
        "query_kinds": {"scenarios": hiding},
        "best": seeds | judges | {"scenarios": every, "trained": trained},
        "deployments": {"degree": lambda w: max(data[w.dataset].degrees)},
        "reidentify": hidden | system | sought,
        "attack": hidden | variants | apart,
        "policy": variants | apart | sought,
        "sizes": {"datasets": list(data)},
        "learning": {"chance": lambda w: of.chance(config, w.dataset)},
        "explore": {
            "retrieval": ranked,
            "label": lambda w: data[w.dataset].label,
            "show_originals": config.presentation.show_originals,
        },
    }


def _listed(
    scenarios: Callable[[str], list[Scenario]],
) -> Callable[[Any], list[tuple[str, int, str]]]:
    """A data set's scenarios by model, seed and variant."""
    return lambda w: [(str(run.model), run.seed, str(run.variant)) for run in scenarios(w.dataset)]


def _sought(experiment: Experiment, name: str) -> list[str]:
    return list(map(str, experiment.entities(name)))


def _drawn_truth(experiment: Experiment, name: str) -> str:
    """File of a demo's true boxes; empty for other data."""
    dataset = experiment.datasets[name]
    return str(truth_of(dataset)) if dataset.demo and dataset.truth is None else ""


def _references(experiment: Experiment, name: str) -> list[int]:
    return [experiment.reference_seed, *experiment.second_references(name)]
