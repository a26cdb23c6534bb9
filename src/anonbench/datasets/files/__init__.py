"""Files of a data folder, examined without decoding a pixel."""
