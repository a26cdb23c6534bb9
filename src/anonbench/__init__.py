"""anonbench measures what anonymizing images costs an image-retrieval system."""

__version__ = "0.1.0"
