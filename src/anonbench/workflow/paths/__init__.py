"""Paths of the results: which files a stage writes, and which ones a job reads.

Every path is text that begins with the results folder, as in the rules. A rule for many files of
one pattern passes wildcards instead of names: `paths.embedding("{dataset}", ...)`. Each module adds
the paths of some stages to those before: `images`, `models`, `targets`.
"""

from __future__ import annotations

from anonbench.workflow.paths.images import digests
from anonbench.workflow.paths.targets import Paths

__all__ = ["Paths", "digests"]
