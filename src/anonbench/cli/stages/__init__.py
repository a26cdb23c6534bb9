"""Commands for single stages, which need no workflow."""
