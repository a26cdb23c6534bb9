"""Policy: evidence of each variant, and verdicts on it."""
