from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from anonbench.presentation.summary import read_scores
    from anonbench.presentation.tables import write_table

    write_table(
        snakemake.params.table,
        read_scores(Path(snakemake.input.scores)),
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
        reference_seed=snakemake.params.reference_seed,
    )
