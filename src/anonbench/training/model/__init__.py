"""The network: backbone, blocks, heads, position embeddings, and weights of others to start from."""
