"""Attacks on anonymized images and their vectors, as a table of rates."""
