"""Compression for real: small networks trained on handwritten digits, compressed, recovered, and measured in ONNX Runtime."""
