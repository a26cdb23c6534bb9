from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.core.io import write_text
    from anonbench.workflow.image_counts import require_left

    retrieval = load(snakemake.config).retrieval
    completed = retrieval.completing(snakemake.params.retrieval)
    require_left(snakemake.input[0], completed, snakemake.params.batch)
    write_text(snakemake.output[0], "enough\n")
