"""Tables of a data set's results, as people read them: in files and in the report."""

TABLES: dict[str, tuple[str, ...]] = {
    "policy": ("policy",),
    "front_area": ("scores", "policy"),
    "reidentification": ("rates",),
    "attacks": ("attacks",),
    "mapped": ("maps",),
    "trainings": ("trainings",),
    "sample_sizes": ("variance",),
    "deployments": ("deployments",),
    "near_duplicates": ("near_duplicates",),
    "given": ("given",),
}
"""Tables of a data set as people read them, with what each is made from
(`anonbench.reporting.dataset_tables.READERS`).

Files are `tables/<name>_<data set>.{csv,md,tex}` below the results, and `table_<name>_<data set>`
asks Snakemake for them.
"""
