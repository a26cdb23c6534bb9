"""Commands that run the workflow, or look at what it made."""
