from pathlib import Path

from anonbench.runtime import job

with job(snakemake, __file__):
    from pydantic import TypeAdapter

    from anonbench.config import Demo
    from anonbench.datasets.demo import expected_listing, generate
    from anonbench.files import write_csv

    demo = TypeAdapter(Demo).validate_python(snakemake.params.demo)
    # Snakemake removes a rule's output before it runs again; the generator's own marker, by which
    # it knows its data and keeps them, is therefore another file
    contents = Path(snakemake.output[0])
    generate(demo, contents.parent, snakemake.params.seed)
    write_csv(expected_listing(demo), contents)
