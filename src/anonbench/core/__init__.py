"""What every room stands on: words, files, seeds, numbers; nothing of images or models."""
