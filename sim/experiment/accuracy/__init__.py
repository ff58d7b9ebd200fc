"""Accuracy as it is measured: a model with its weights runs in ONNX Runtime on a user's data, and a metric judges the answers."""
