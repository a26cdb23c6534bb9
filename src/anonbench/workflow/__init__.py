"""Around Snakemake: plan, status, lock, and what results need beside it."""
