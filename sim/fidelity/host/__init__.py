"""This machine's CPU as a device: micro-benchmarks through ONNX Runtime, a fit, and a check against real models."""
