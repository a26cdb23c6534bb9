"""Faces: MTCNN, and face detectors that come as ONNX files."""
