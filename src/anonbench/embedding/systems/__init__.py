"""Systems under test: images in, vectors out, whatever computes them.

`opening.open_system` starts one from its settings, a section of the config's `systems`.
"""
