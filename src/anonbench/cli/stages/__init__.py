"""Commands for single stages, without the workflow."""
