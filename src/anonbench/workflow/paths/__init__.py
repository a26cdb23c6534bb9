"""Paths of the results: which files a stage writes, and which ones a job reads.

Every path is text that begins with the results folder, as in the rules. A rule for many files of
one pattern passes wildcards instead of names: `paths.embedding("{dataset}", ...)`.
"""
