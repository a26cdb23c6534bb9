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
    params:
        pictures=lambda w: shown.explored_pictures(w.dataset),
        scenarios=lambda w: shown.explored_names(w.dataset),
    script:
        "../scripts/explore.py"
