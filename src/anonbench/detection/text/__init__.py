"""Text lines: PP-OCR's detector and recognizer."""
