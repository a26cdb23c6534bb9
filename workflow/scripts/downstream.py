from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    import pandas as pd

    from anonbench.config import Downstream
    from anonbench.datasets.clusters import read_clusters
    from anonbench.evaluation.downstream.evaluate import evaluate_downstream

    column = snakemake.params.slice["label"]
    labels = pd.read_parquet(snakemake.input.manifest, columns=["id", column])
    evaluate_downstream(
        train=Path(snakemake.input.train),
        val=Path(snakemake.input.val),
        labels=labels.rename(columns={column: "label"}),
        clusters=read_clusters(Path(snakemake.input.clusters)),
        settings=Downstream.model_validate(snakemake.params.slice["settings"]),
        seed=snakemake.params.slice["seed"],
        predictions=Path(snakemake.output.predictions),
        summary=Path(snakemake.output.summary),
        confusions=Path(snakemake.output.confusion),
    )
