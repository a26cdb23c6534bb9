"""Choice of variants, models and scenarios that figures and the explorer show."""

from __future__ import annotations

from anonbench.config.experiment import Experiment, Scenario
from anonbench.core.vocabulary import ORIGINAL, Model, Variant


def originals(experiment: Experiment) -> list[str]:
    """Return the originals' variant where originals may be seen, else nothing."""
    return [ORIGINAL] if experiment.config.presentation.show_originals else []


def examples(experiment: Experiment, dataset: str) -> list[str]:
    """Return the variants of example images: without originals those that hide most."""
    variants = experiment.variants(dataset)
    if seen := originals(experiment):
        return [*seen, *map(str, variants)]
    highest = max(variant.degree for variant in variants)
    return [str(variant) for variant in variants if variant.degree == highest]


def attention(experiment: Experiment, dataset: str) -> list[str]:
    """Return the variants beside which attention is drawn."""
    return [*originals(experiment), str(experiment.shown_variant(dataset))]


def attended(experiment: Experiment, dataset: str) -> list[str]:
    """Return the variants on which attention is computed."""
    return [ORIGINAL, str(experiment.shown_variant(dataset))]


def attending_models(experiment: Experiment, dataset: str) -> list[str]:
    """Return the models whose attention is drawn."""
    return [str(model) for model in experiment.attending_models(dataset)]


def gallery_scenarios(experiment: Experiment, dataset: str) -> list[Scenario]:
    """Return the models of the reference's seed on images of the highest degree."""
    highest = max(experiment.datasets[dataset].degrees)
    return [
        scenario
        for scenario in experiment.scenarios(dataset)
        if scenario.variant.degree == highest and scenario.seed == experiment.reference_seed
    ]


def gallery(experiment: Experiment, dataset: str) -> list[str]:
    """Return the variants that the gallery draws."""
    variants = [str(scenario.variant) for scenario in gallery_scenarios(experiment, dataset)]
    return [*originals(experiment), *dict.fromkeys(variants)]


def explored(experiment: Experiment, dataset: str) -> list[Scenario]:
    """Return the explorer's scenarios: the reference seed's on anonymized images, then a control.

    The control is the first unadapted model of another seed, on every variant.
    """
    seeds, scenarios = experiment.seeds(Model()), experiment.scenarios(dataset)
    compared = [s for s in scenarios if s.seed == seeds[0] and s.variant != Variant()]
    return compared + [s for s in scenarios if s.model == Model() and s.seed in seeds[1:2]]


def explored_name(experiment: Experiment, scenario: Scenario) -> str:
    """Return what the explorer calls a scenario's model: its adaption, `unadapted` or `control`."""
    if scenario.model == Model() and scenario.seed != experiment.reference_seed:
        return "control"
    return str(scenario.model.adaption)


def explored_pictures(experiment: Experiment, dataset: str) -> dict[str, str]:
    """Return the variant that the explorer draws for each method: the one that hides most."""
    data = experiment.datasets[dataset]
    pictures = {str(method): f"{method}-{max(data.degrees)}" for method in data.methods}
    return pictures | {name: name for name in originals(experiment)}
