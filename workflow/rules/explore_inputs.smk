# What the retrieval explorer compares, and what its pictures are of.

from anonbench.core.vocabulary import Model, Variant


def explored(dataset):
    """Scenarios of the reference's seed and one retraining control: model's name, scenario."""
    seeds = experiment.seeds(Model())
    return [
        ("unadapted" if run.model == Model() else str(run.model.adaption), run)
        for run in experiment.scenarios(dataset)
        if run.seed == seeds[0] and run.variant != Variant()
    ] + [
        ("control", run)
        for run in experiment.scenarios(dataset)
        if run.model == Model() and run.seed in seeds[1:2]
    ]


def explored_embeddings(dataset, original):
    return [
        embedding(
            dataset, run.model, run.seed, "original" if original else run.variant, "val"
        )
        for _, run in explored(dataset)
    ]


def explored_pictures(dataset):
    """Variants that pictures show, by method: originals only on request, else what hides most."""
    data = experiment.datasets[dataset]
    pictures = {str(method): f"{method}-{max(data.degrees)}" for method in data.methods}
    if settings.presentation.show_originals:
        pictures["original"] = "original"
    return pictures


def explored_shards(dataset):
    return [
        path
        for variant in explored_pictures(dataset).values()
        for path in image_set(dataset, variant, "val")
    ]


def explorers():
    """Explorers of the report: none where the config asks for no query."""
    shown = settings.presentation.explorer_queries > 0
    return [f"{results}/{name}/explorer.json" for name in experiment.datasets if shown]
