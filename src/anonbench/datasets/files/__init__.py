"""Files of a data folder, looked at without decoding a pixel."""
