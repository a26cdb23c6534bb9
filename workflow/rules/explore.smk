# The report's retrieval explorer: a job a data set, from embeddings and image sets.


rule explore:
    input:
        **by_digest(
            shards=lambda w: paths.image_sets(
                w.dataset, shown.explored_pictures(w.dataset).values()
            ),
            searched=lambda w: paths.shown_outcomes(w.dataset),
            manifest=rules.manifest.output.manifest,
            reference=lambda w: paths.reference_embedding(w.dataset),
            originals=lambda w: paths.embeddings(w.dataset, shown.explored(w.dataset), "original"),
            images=lambda w: paths.embeddings(w.dataset, shown.explored(w.dataset)),
        ),
    output:
        "<results>/{dataset}/explorer.json",
    log:
        "<logs>/explore/{dataset}.log",
    benchmark:
        "<benchmarks>/explore/{dataset}.tsv"
    conda:
        "../../envs/anonbench.yaml"
    resources:
        mem_mb=growing(lambda w: estimates[w.dataset].embedding_mb),
        runtime=growing(20),
    params:
        code=code_of("explore"),
        queries=settings.presentation.explorer_queries,
        results=settings.presentation.explorer_results,
        retrieval=settings.retrieval.model_dump(mode="json", include={"fraction", "include_self"}),
        label=lambda w: datasets[w.dataset].label,
        show_originals=settings.presentation.show_originals,
        pictures=lambda w: shown.explored_pictures(w.dataset),
        scenarios=lambda w: shown.explored_names(w.dataset),
    script:
        "../scripts/explore.py"
