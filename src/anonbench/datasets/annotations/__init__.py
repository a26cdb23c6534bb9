"""Regions from a user's files: CSV, Parquet and COCO JSON."""
