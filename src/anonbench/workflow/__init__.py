"""Tools around Snakemake: start, paths, plan, and metadata stored with the results."""
