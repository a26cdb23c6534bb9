"""Redrawing of hidden regions, so that an unchanged model embeds a picture like its original."""
