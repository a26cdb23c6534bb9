"""End of a run that cannot begin: one message, without a place in the rule files."""

from __future__ import annotations

import sys
from typing import NoReturn

from snakemake.logging import logger

from anonbench.core.errors import InputError

START = "anonbench: "
"""How the message begins."""


def refuse(error: InputError) -> NoReturn:
    """End Snakemake with an error's message.

    Of a WorkflowError Snakemake prints the place where it was raised: a line of the rule files,
    where nothing is wrong.

    Raises:
        SystemExit: always.

    """
    logger.error(f"{START}{error}")
    sys.exit(1)
