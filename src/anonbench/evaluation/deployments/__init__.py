"""Deployments: archives that hold originals and anonymized images together."""
