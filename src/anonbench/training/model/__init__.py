"""The network: backbone, blocks, heads, positions, and weights of others to start from."""
