"""Fake content of the same kind, drawn in a region's place."""
