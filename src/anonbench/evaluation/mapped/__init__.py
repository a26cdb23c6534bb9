"""Maps of hidden images' vectors: their gain, compared with free remedies."""
