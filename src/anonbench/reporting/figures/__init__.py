"""One module a kind of figure; each writes the same drawing as PNG and SVG."""
