"""Exit of a run that cannot begin: one message, without a location in the rule files."""

from __future__ import annotations

import sys
from typing import NoReturn

from snakemake.logging import logger

from anonbench.core.errors import InputError

START = "anonbench: "
"""Prefix of the message."""


def refuse(error: InputError) -> NoReturn:
    """Exit Snakemake with an error's message.

    For a WorkflowError, Snakemake would also print where it was raised: a line of the rule files,
    which is not where the error is.

    Raises:
        SystemExit: always.
    """
    logger.error(f"{START}{error}")
    sys.exit(1)
