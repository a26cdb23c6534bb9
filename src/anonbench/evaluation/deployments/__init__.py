"""Deployments: archives that hold originals and anonymized images, or two models, together."""
