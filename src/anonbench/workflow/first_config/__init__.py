"""A first config for a folder: what is in it, what a sample shows, and the text that follows."""
