from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    given, made, params = snakemake.input, snakemake.output, snakemake.params
    shared = [given.manifest, given.manifest_digest, given.clusters, given.clusters_digest]
    files = given.train, given.train_digest, given.val, given.val_digest
    outputs = zip(made.predictions, made.summary, strict=True)
    parts = [
        (cache.part([*shared, *each], both), each, both)
        for *each, both in zip(*files, outputs, strict=True)
    ]
    if left := [each for each in parts if not each[0].is_done()]:
        import pandas as pd

        from anonbench.config import Downstream
        from anonbench.datasets.clusters import read_clusters
        from anonbench.evaluation.downstream.evaluate import evaluate_downstream

        labels = pd.read_parquet(given.manifest, columns=["id", params.label])
        for part, (train, _, val, _), both in left:
            evaluate_downstream(
                train=train,
                val=val,
                labels=labels.rename(columns={params.label: "label"}),
                clusters=read_clusters(given.clusters),
                settings=Downstream.model_validate(params.classifiers),
                seed=params.seed,
                predictions=both[0],
                summary=both[1],
            )
            part.end()
