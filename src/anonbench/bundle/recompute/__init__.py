"""Recomputation of a bundle's numbers, data set by data set."""
