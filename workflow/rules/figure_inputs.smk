# What the figures of figures.smk read, where a wildcard pattern alone cannot say it.

from itertools import chain
from pathlib import Path

from anonbench.reporting.pipeline import trace

shown_variant = experiment.shown_variant
attending_models = experiment.attending_models


def attending_files(dataset, suffix):
    return [
        f"{results}/{dataset}/attention/{model}.{suffix}"
        for model in attending_models(dataset)
    ]


def shown_sets(dataset, variants):
    """Image sets of the validation split by variant; originals only where they may be seen."""
    originals = ["original"] if settings.presentation.show_originals else []
    return {
        str(variant): image_set(dataset, variant, "val")
        for variant in [*originals, *variants]
    }


def attention_sets(dataset):
    return list(
        chain.from_iterable(shown_sets(dataset, [shown_variant(dataset)]).values())
    )


def gallery_scenarios(dataset):
    """Models on anonymized images of the highest degree."""
    highest = max(experiment.datasets[dataset].degrees)
    return [
        scenario
        for scenario in experiment.scenarios(dataset)
        if scenario.variant.degree == highest
        and scenario.seed == experiment.reference_seed
    ]


def gallery_files(dataset):
    return [
        embedding(dataset, run.model, run.seed, run.variant, "val")
        for run in gallery_scenarios(dataset)
    ]


def attending_backbone(wildcards):
    return (
        f"{results}/{wildcards.dataset}/models/{wildcards.model}/"
        f"seed{experiment.reference_seed}/backbone.safetensors"
    )


def attended_sets(dataset):
    return [
        path
        for variant in ("original", shown_variant(dataset))
        for path in image_set(dataset, variant, "val")
    ]


def gallery_sets(dataset):
    variants = [scenario.variant for scenario in gallery_scenarios(dataset)]
    return shown_sets(dataset, dict.fromkeys(variants))


def pipeline_rules(_):
    """What the rules of this config are: stage (their file), name, script and wildcards."""
    return [
        (Path(r.snakefile).stem, r.name, Path(r.script).stem, sorted(r.wildcard_names))
        for r in every_rule
        if r.script
    ]


def pipeline_reads(_):
    """Which rules each one reads from, for all that is made without a target."""
    named = {r.name: r for r in every_rule}

    def producer(path):
        made = next((r for r in named.values() if r.is_producer(path)), None)
        return None if made is None else (made.name, made.get_wildcards(path))

    def inputs(job):
        name, wildcards = job
        return map(str, named[name].expand_input(wildcards)[0])

    return trace(inputs((workflow.default_target, {})), producer, inputs, "dataset")
