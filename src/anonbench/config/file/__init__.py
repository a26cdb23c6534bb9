"""The config as a file: read with limits, its keys, its defaults and its schema."""
