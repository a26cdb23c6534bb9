"""Registries: methods, detectors, systems, attackers, attacks and tables by name."""
