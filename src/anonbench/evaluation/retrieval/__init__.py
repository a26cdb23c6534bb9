"""Embeddings → average precision and nDCG against the reference ranking."""
