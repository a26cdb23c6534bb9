"""Regions of documents of a known layout, by alignment with a template."""
