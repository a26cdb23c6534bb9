"""Images and encoders as a caller gives them, embedded in batches."""
