"""Detection of sensitive regions: faces, text, barcodes and machine-readable zones."""
