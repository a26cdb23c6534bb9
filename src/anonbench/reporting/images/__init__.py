"""Images in figures and pages, restricted to those that may be shown."""
