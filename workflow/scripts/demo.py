from anonbench.core.jobs.job import job

with job(snakemake, __file__):
    from pydantic import TypeAdapter

    from anonbench.config import Demo
    from anonbench.core.io import write_csv
    from anonbench_demo import expected_listing, generate

    demo = TypeAdapter(Demo).validate_python(snakemake.params.demo)
    # Snakemake removes a rule's output before it runs again; the generator's own marker, by which
    # it knows its data and keeps them, is therefore another file
    contents = snakemake.output[0]
    generate(demo, contents.parent, snakemake.params.seed)
    write_csv(expected_listing(demo), contents)
