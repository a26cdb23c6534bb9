"""Data sets as their publishers ship them, each read into the same manifest table."""
