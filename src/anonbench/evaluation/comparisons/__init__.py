"""Judging between models, methods and query kinds, and effects with their intervals."""
