"""Adapter to what Snakemake does not document: the only room that uses its private names.

`tests/workflow/snakemake_adapter` names each of them, and fails where Snakemake has another.
"""

from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
