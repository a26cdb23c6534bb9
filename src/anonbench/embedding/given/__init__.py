"""Images and encoders passed by a caller, embedded in batches."""
