"""Findings: what the data sets of one config say together."""
