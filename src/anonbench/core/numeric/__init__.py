"""Arrays: similarities, the nearest of them, bootstrap intervals."""
