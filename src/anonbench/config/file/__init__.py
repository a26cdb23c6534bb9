"""The config as a file: safe reading, keys, defaults and schema."""
