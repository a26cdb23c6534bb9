"""The same bytes on a machine with one core and on one with many."""

import os

import pytest

from anonbench_demo import ids
from processes import python

SCRIPT = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from anonbench_demo import ids
print(ids.draw(0, "passport", "train/0").image.tobytes().hex())
"""


def test_the_audit_too_has_one_thread() -> None:
    """It shares no code with what it audits, and imports OpenCV itself."""
    script = "import anonbench.anonymization.audit.check, cv2; print(cv2.getNumThreads())"
    assert python(script).stdout == "1\n"


@pytest.mark.slow
@pytest.mark.skipif(
    not hasattr(os, "sched_setaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="needs a machine with two cores, one of which can be taken away",
)
def test_a_drawing_does_not_depend_on_the_number_of_cores() -> None:
    drawn = ids.draw(0, "passport", "train/0").image.tobytes().hex()
    assert python(SCRIPT).stdout == f"{drawn}\n"
