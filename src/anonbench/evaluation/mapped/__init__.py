"""Maps of hidden images' vectors: what they give back, beside what costs nothing."""
