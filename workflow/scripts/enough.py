from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from anonbench.config import load
    from anonbench.planning.counts import require_left
    from anonbench.presentation.tables import write_text

    retrieval = load(snakemake.config).retrieval
    require_left(
        Path(snakemake.input[0]),
        retrieval.completing(snakemake.params.slice["settings"]),
        snakemake.params.batch,
    )
    write_text(Path(snakemake.output[0]), "enough\n")
