from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.presentation.reidentification import write_reidentification
    from anonbench.privacy.rates import read_rates

    write_reidentification(
        snakemake.wildcards.dataset,
        read_rates(Path(snakemake.input[0])),
        confidence=snakemake.params.slice["settings"]["confidence"],
        widest=snakemake.params.slice["settings"]["widest_interval"],
        csv=Path(snakemake.output.csv),
        markdown=Path(snakemake.output.markdown),
        latex=Path(snakemake.output.latex),
    )
