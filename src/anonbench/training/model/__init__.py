"""The network: backbone, blocks, heads, position embeddings."""
