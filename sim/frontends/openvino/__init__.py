"""OpenVINO intermediate representation (.xml and .bin) to graphs."""

from sim.frontends.openvino.importer import import_openvino

__all__ = ["import_openvino"]
