"""Formats of originals beyond plain images: pages, PDF, TIFF, HEIC, colour models, conversions."""
