"""Foundations of all rooms: vocabulary, files, seeds and numerics; no images, no models."""
