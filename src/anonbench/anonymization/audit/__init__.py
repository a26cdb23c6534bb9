"""Proof that a written image hides what it has to, by independent code.

Nothing here comes from `anonbench.anonymization`, nor from a module that tells it which pixels or
how many regions to hide (a test walks the imports). See `audit.check` for what is proved.
"""
