"""Findings across the data sets of one config."""
