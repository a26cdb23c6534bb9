"""Redrawing of hidden regions for an unchanged model, which embeds them like the original."""
