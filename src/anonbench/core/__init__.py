"""Foundations of all rooms: vocabulary, files, seeds and numerics, without images and models."""
