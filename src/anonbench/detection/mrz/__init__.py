"""Machine-readable zones."""
