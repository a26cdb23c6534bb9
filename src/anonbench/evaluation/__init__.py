"""Scores of rankings and classifiers, tests between them, and re-identification."""
