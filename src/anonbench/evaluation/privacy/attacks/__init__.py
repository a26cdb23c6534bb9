"""Attacks beside re-identification."""
