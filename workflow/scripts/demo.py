from pathlib import Path

from anonbench.runtime import job

with job(snakemake.log[0], snakemake.threads):
    from pydantic import TypeAdapter

    from anonbench.config import Demo
    from anonbench.datasets.demo import generate

    generate(
        demo=TypeAdapter(Demo).validate_python(snakemake.params.demo),
        path=Path(snakemake.output[0]).parent,
        seed=snakemake.params.seed,
    )
