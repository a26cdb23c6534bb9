"""Paths of the results: which files a stage writes, and which ones a job reads.

Every path is text below the results folder, as rules name it. A rule that makes many files of one
pattern gives wildcards in place of names: `paths.embedding("{dataset}", ...)`. Each module adds the
paths of some stages to those before: `base`, `image_sets`, `models`, `privacy`, `pages`, `targets`.
"""

from __future__ import annotations

from anonbench.workflow.paths.base import digests
from anonbench.workflow.paths.targets import Paths

__all__ = ["Paths", "digests"]
