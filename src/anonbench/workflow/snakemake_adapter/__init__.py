"""Adapter to what Snakemake does not document: the only room that uses its private names.

`tests/workflow/startup/test_snakemake_adapter.py` names each of them, and fails where Snakemake
has another.
"""

from snakemake import api, cli  # noqa: F401 - first: Snakemake's modules import each other
