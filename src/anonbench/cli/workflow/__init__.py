"""Commands that run the workflow or inspect its results."""
