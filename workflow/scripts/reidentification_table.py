from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.evaluation.privacy.rates import read_rates
    from anonbench.reporting.reidentification import write_reidentification

    write_reidentification(
        snakemake.wildcards.dataset,
        read_rates(Path(snakemake.input[0])),
        confidence=snakemake.params.slice["settings"]["confidence"],
        widest=snakemake.params.slice["settings"]["widest_interval"],
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
