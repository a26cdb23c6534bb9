"""Adapter to Snakemake's undocumented interfaces: the only package that uses private names.

`tests/workflow/snakemake_adapter` checks each of them, and fails if Snakemake has changed one.
"""

from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
