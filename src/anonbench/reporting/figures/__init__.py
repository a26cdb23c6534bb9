"""Figures: one module for each kind, the same drawing as PNG and SVG."""
