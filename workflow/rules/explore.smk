# The report's retrieval explorer: a job a data set, from embeddings and image sets.


include: "explore_inputs.smk"


rule explore:
    input:
        lambda w: digests(explored_shards(w.dataset)),
        lambda w: digests(explored_embeddings(w.dataset, original=True)),
        lambda w: digests(explored_embeddings(w.dataset, original=False)),
        digest_file(rules.manifest.output.manifest),
        lambda w: digests(outcomes(w.dataset)),
        shards=lambda w: ancient(explored_shards(w.dataset)),
        searched=lambda w: ancient(outcomes(w.dataset)),
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
        show_originals=settings.presentation.show_originals,
        scenarios=lambda w: [
            (adaption, str(run.variant)) for adaption, run in explored(w.dataset)
        ],
    script:
        "../scripts/explore.py"
