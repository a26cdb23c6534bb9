"""First config for a folder: survey of its files, a searched sample, and the resulting text."""
