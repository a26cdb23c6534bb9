"""Embeddings: computed, stored, read from elsewhere; attention maps."""
