"""Foundations of all rooms: vocabulary, files, seeds, numbers; nothing of images or models."""
