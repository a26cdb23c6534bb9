from pathlib import Path

from anonbench.core.jobs.job import job

with job(snakemake, __file__) as cache:
    if not cache.is_done():
        from anonbench.config import load
        from anonbench.embedding.extract import write_untrained

        config = load(snakemake.config)
        dataset = config.datasets[snakemake.wildcards.dataset]
        write_untrained(
            config.recipes[dataset.recipe],
            int(snakemake.wildcards.seed),
            Path(snakemake.output.backbone),
        )
