"""Numbers of images, clusters and trainings that a statement takes."""
