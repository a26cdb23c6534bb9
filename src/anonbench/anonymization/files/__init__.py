"""Anonymized copies of a user's files: same names, folders and formats, each one audited."""
