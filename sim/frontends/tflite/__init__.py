"""TensorFlow Lite files (.tflite) to graphs."""

from sim.frontends.tflite.importer import import_tflite

__all__ = ["import_tflite"]
