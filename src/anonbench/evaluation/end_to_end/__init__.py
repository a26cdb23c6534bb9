"""A whole evaluation in one process: images and a system in, scores and advice out."""
