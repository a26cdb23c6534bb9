"""Figures: one module for each kind, drawn identically as PNG and SVG."""
