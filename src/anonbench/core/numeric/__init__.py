"""Numerics on arrays: similarities, nearest neighbours, bootstrap intervals."""
