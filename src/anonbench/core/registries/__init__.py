"""Registries of what can be added: methods, detectors, attackers, backbones and tables."""
