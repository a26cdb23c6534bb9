"""Embeddings and labels → k-NN and linear accuracy."""
