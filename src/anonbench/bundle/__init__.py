"""A bundle: results without images, from which tables and figures are made again and checked."""
