"""Trained weights: saved, loaded, and exported to the formats of others."""
