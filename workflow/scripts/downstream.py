from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done(shared=True):
        import pandas as pd

        from anonbench.config import Downstream
        from anonbench.datasets.clusters import read_clusters
        from anonbench.evaluation.downstream.evaluate import evaluate_downstream

        column = snakemake.params.slice["label"]
        labels = pd.read_parquet(snakemake.input.manifest, columns=["id", column])
        made = snakemake.output.predictions, snakemake.output.summary, snakemake.output.confusion
        for train, val, *outputs in zip(
            snakemake.input.train, snakemake.input.val, *made, strict=True
        ):
            predictions, summary, confusions = map(Path, outputs)
            evaluate_downstream(
                train=Path(train),
                val=Path(val),
                labels=labels.rename(columns={column: "label"}),
                clusters=read_clusters(Path(snakemake.input.clusters)),
                settings=Downstream.model_validate(snakemake.params.slice["settings"]),
                seed=snakemake.params.slice["seed"],
                predictions=predictions,
                summary=summary,
                confusions=confusions,
            )
