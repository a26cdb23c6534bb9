"""Tools around Snakemake: plan, status, lock, and metadata stored with the results."""
