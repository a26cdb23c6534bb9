"""Anonymization of images at given regions: methods, degrees, image sets, audit."""
