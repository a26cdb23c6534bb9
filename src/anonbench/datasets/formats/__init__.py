"""Formats of originals: pages, PDF, TIFF, HEIC, colour models, conversions."""
