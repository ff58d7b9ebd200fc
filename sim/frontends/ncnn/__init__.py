"""ncnn network definitions (.param) to graphs."""

from sim.frontends.ncnn.importer import import_ncnn

__all__ = ["import_ncnn"]
