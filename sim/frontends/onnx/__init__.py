"""Reading ONNX models: :func:`import_onnx`.

The file is read without its large tensors (:mod:`~sim.frontends.onnx.wire`), symbolic dimensions are bound, small constants are
computed, and every node is handed to its handler in one walk (:mod:`~sim.frontends.onnx.importer`). Last, operators between
DequantizeLinear and QuantizeLinear become integer operators (:mod:`~sim.frontends.integer_groups`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from sim.errors import EdgesimError, ModelError
from sim.frontends.onnx.reading import MAX_FILE_BYTES, import_onnx_package, read_model
from sim.graph.ir import Graph
from sim.graph.verify import verify


def import_onnx(
    path: Path, *, shapes: Mapping[str, int] | None = None, unknown_operators: Literal["error", "warn"] = "error", max_bytes: int = MAX_FILE_BYTES
) -> Graph:
    """The verified operator graph of an ONNX file.

    ``shapes`` binds symbolic dimensions by name (``{"batch": 1}``); one without a name is ``<input>.<axis>``. ``unknown_operators="warn"``
    takes operators nobody knows as data movers, if the file states their output shapes. Files above ``max_bytes`` are refused.

    Trained parameters (role ``weight``) are the floating or quantized operands of convolutions, products, recurrent layers, norms and
    table look-ups, and the other floating or quantized initializers of more than one element; running statistics of batch norms,
    scales, indices and values of ``Constant`` nodes that only enter elementwise arithmetic are constants. A tensor used twice counts once,
    but a vector named again by ``Identity`` counts again (exporters merge vectors that happen to be equal).

    ``graph.notes``: ``format``, ``opset``, ``opsets``, ``producer``, ``ir_version``, ``file``, ``file_bytes``, ``warnings``, and
    ``sparse_weights`` where initializers are stored sparse.
    Raises ModelError for a damaged, unsupported or incompletely bound model, EdgesimError if the onnx package is missing.
    """
    path = Path(path)
    import_onnx_package()
    from sim.frontends.integer_groups import group_quantized
    from sim.frontends.integer_products import PRODUCTS, take_integers
    from sim.frontends.onnx.dynamic_scales import state_dynamic_scales
    from sim.frontends.onnx.importer import Importer
    from sim.frontends.onnx.symbols import Symbols

    try:
        file = read_model(path, max_bytes)
        importer = Importer(file, Symbols(shapes or {}), unknown_operators)
        graph = state_dynamic_scales(take_integers(group_quantized(importer.run()), PRODUCTS))
        graph.drop_unused_tensors()
        verify(graph)
    except ModelError as error:
        raise ModelError([replace(problem, file=problem.file or str(path)) for problem in error.problems]) from error
    graph.notes = {
        "format": "onnx",
        "opset": file.opsets[""],
        "opsets": dict(file.opsets),
        "producer": file.model.producer_name,
        "ir_version": file.model.ir_version,
        "file": str(path),
        "file_bytes": file.file_bytes,
        "warnings": importer.state.warnings,
    }
    if importer.state.sparse_bytes:
        graph.notes["sparse_weights"] = dict(importer.state.sparse_bytes)  # initializer -> bytes stored
    return graph


def open_batches(path: Path, shapes: Mapping[str, int]) -> dict[str, int]:
    """1 for every open first extent of an input of an ONNX file that ``shapes`` does not bind. Raises as :func:`import_onnx`."""
    import_onnx_package()
    from sim.frontends.onnx.symbols import first_extents

    try:
        graph = read_model(Path(path)).model.graph
    except ModelError as error:
        raise ModelError([replace(problem, file=problem.file or str(path)) for problem in error.problems]) from error
    stored = {held.name for held in graph.initializer}
    return dict.fromkeys(first_extents([info for info in graph.input if info.name not in stored], shapes), 1)


__all__ = ["EdgesimError", "ModelError", "import_onnx", "open_batches"]
