"""Estimates of an experiment by formula: GPU hours, bytes, sample sizes."""
