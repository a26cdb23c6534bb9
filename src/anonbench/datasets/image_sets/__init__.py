"""Image sets: stored images, their names, and doubts about them."""
