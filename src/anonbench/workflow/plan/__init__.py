"""What would run, why, and what it would cost, before it runs."""
