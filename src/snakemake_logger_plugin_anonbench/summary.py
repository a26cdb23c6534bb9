"""What is said at the end of a run in which jobs failed."""

from __future__ import annotations

import re
from pathlib import Path

from snakemake_logger_plugin_anonbench.progress import Failure, Progress

SHOWN = 20
_FURTHER = re.compile("Detailed failure reason unavailable|For further error details")
_TAIL = 4096
_WIDTH = 300


def summary(progress: Progress) -> str:
    """Return what was done, what failed and why, and what did not run; nothing where none failed.

    Of a job's log the last line is shown: anonbench's logs name no image's content.
    """
    if not progress.failures:
        return ""
    counts = [f"{progress.done} of {progress.total} jobs done", f"{progress.failed} failed"]
    left = progress.left
    if left:
        rules = ", ".join(f"{count} {rule}" for rule, count in sorted(left.items()))
        counts.append(f"{sum(left.values())} not run because of it ({rules})")
    lines = [", ".join(counts) + ":"]
    failures = sorted(progress.failures.values(), key=lambda failure: failure.label)
    for failure in failures[:SHOWN]:
        lines += [f"  {failure.label}: {_reason(failure)}", *(f"    {log}" for log in failure.logs)]
    if len(failures) > SHOWN:
        lines.append(f"  and {len(failures) - SHOWN} more, in Snakemake's own log")
    lines.append("What is done is kept: mend the cause and run the same command again.")
    return "\n".join(lines)


def _reason(failure: Failure) -> str:
    said = shortened(failure.message)
    own = last_line(Path(failure.logs[0]), failure.began) if failure.logs else ""
    # a job that was killed, or never started, says nothing of it; its scheduler may
    return "; ".join(part for part in (own, said) if part) or "nothing is known of it"


def shortened(message: str) -> str:
    """Return what a scheduler says of a failure, without what it always says."""
    return _FURTHER.split(message)[0].strip().split("\n")[0].rstrip(".")[:_WIDTH]


def last_line(path: Path, since: float) -> str:
    """Return the last line of a log, without its level; nothing of a log from before `since`."""
    try:
        if path.stat().st_mtime < since:
            return ""
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return ""
    return lines[-1].removeprefix("ERROR root: ").removeprefix("WARNING root: ")[:_WIDTH]
