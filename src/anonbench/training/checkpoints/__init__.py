"""Weights of others, and ours in others' formats."""
