"""Bundles: results without images, from which tables and figures can be rebuilt and checked."""
