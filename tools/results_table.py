"""One table of results files, one's own and others': `python tools/results_table.py FOLDER...`.

Prints CSV, one row per score and attack (docs/how-to/results-file.md).
"""

from __future__ import annotations

import sys
from pathlib import Path

from anonbench.core.errors import InputError
from anonbench.reporting.results_file import table_of


def main(places: list[str]) -> int:
    """Print the table of the files and folders named."""
    try:
        table = table_of(map(Path, places))
    except (InputError, OSError) as error:
        print(f"results_table: {error}", file=sys.stderr)
        return 1
    table.to_csv(sys.stdout, index=False, lineterminator="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
