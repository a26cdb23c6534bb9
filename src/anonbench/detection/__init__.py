"""Detection of sensitive regions: faces, text, barcodes, zones and ink."""
