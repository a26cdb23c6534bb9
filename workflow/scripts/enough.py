from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.core.io import write_text
    from anonbench.workflow.image_counts import require_left

    retrieval = load(snakemake.config).retrieval
    require_left(
        Path(snakemake.input[0]),
        retrieval.completing(snakemake.params.retrieval),
        snakemake.params.batch,
    )
    write_text(Path(snakemake.output[0]), "enough\n")
