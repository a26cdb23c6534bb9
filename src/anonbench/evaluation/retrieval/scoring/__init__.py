"""Scoring of blocks of queries: similarities, first results, metrics."""
