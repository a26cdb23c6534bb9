"""Proof that a written image hides what it has to, by code of its own.

Nothing here comes from `anonbench.anonymization`, nor from a module that tells them which pixels or
how many regions to hide (a test walks the imports). See `audit.check` for what is proved.
"""
