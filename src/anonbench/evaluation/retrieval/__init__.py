"""Average precision and nDCG of embeddings against the reference ranking."""
