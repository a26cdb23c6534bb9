"""Detection quality: against true boxes, and by looking."""
