"""k-NN and linear accuracy from embeddings and labels."""
