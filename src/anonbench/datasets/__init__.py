"""Data sets in their publishers' layouts, each read into the same manifest table."""
