"""Images in figures and pages, of those that may be shown."""
