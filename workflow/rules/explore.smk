# The report's retrieval explorer: a job a data set, from embeddings and image sets.

from anonbench.vocabulary import Model, Variant


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
    """Shards of what pictures show: originals only on request, else what hides most."""
    data = experiment.datasets[dataset]
    pictures = {
        str(method): image_set(dataset, f"{method}-{max(data.degrees)}", "val")
        for method in data.methods
    }
    if settings.presentation.show_originals:
        pictures["original"] = image_set(dataset, "original", "val")
    return pictures


def explored_shards(dataset):
    return [path for shards in explored_pictures(dataset).values() for path in shards]


rule explore:
    input:
        lambda w: digests(explored_shards(w.dataset)),
        lambda w: digests(explored_embeddings(w.dataset, original=True)),
        lambda w: digests(explored_embeddings(w.dataset, original=False)),
        digest_file(rules.manifest.output.manifest),
        shards=lambda w: ancient(explored_shards(w.dataset)),
        manifest=ancient(rules.manifest.output.manifest),
        reference=lambda w: ancient(
            embedding(
                w.dataset, "unadapted", experiment.reference_seed, "original", "val"
            )
        ),
        originals=lambda w: ancient(explored_embeddings(w.dataset, original=True)),
        images=lambda w: ancient(explored_embeddings(w.dataset, original=False)),
    output:
        f"{results}/{{dataset}}/explorer.json",
    log:
        f"{logs}/explore/{{dataset}}.log",
    benchmark:
        f"{benchmarks}/explore/{{dataset}}.tsv"
    conda:
        CONDA
    threads: 1
    resources:
        mem_mb=lambda w: estimates.embedding_mb(w.dataset),
        runtime=20,
    params:
        slice={
            "queries": settings.presentation.explorer_queries,
            "results": settings.presentation.explorer_results,
        },
        retrieval=settings.retrieval.model_dump(
            mode="json", include={"fraction", "include_self"}
        ),
        label=lambda w: experiment.datasets[w.dataset].label,
        pictures=lambda w: explored_pictures(w.dataset),
        scenarios=lambda w: [
            (adaption, str(run.variant)) for adaption, run in explored(w.dataset)
        ],
    script:
        "../scripts/explore.py"


def explorers():
    """Explorers of the report: none where the config asks for no query."""
    shown = settings.presentation.explorer_queries > 0
    return expand(rules.explore.output, dataset=experiment.datasets) if shown else []
