"""Numerics on arrays: similarities, nearest neighbours, statistics of dependent values."""
