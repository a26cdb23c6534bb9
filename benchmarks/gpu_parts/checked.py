"""The checks of `tests/gpu/checks.py`, each guarded, one after the other."""

from __future__ import annotations

from checks import CHECKS

from .guard import NotApplicable, Report
from .setting import device_of


def measure(report: Report, tiny: bool) -> None:
    """Report how each check ended; raise at the end where one failed."""
    device = device_of(tiny)
    failed = []
    for check in CHECKS:
        try:
            told = check(device)
        except NotApplicable as error:
            ended = f"not applicable: {error}"
        except Exception as error:
            failed.append(check.__name__)
            ended = f"failed: {type(error).__name__}: {error}"[:600]
        else:
            ended = f"passed: {told}" if told else "passed"
        report(**{check.__name__: ended})
    if failed:
        raise AssertionError(f"{len(failed)} of {len(CHECKS)} checks failed: {', '.join(failed)}")
