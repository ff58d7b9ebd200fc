"""Writes small .tflite files for the tests, field by field with the generated builders."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import flatbuffers
import numpy as np
import tflite

TYPES = {"f4": 0, "f2": 1, "i4": 2, "u1": 3, "i8": 4, "b1": 6, "i2": 7, "i1": 9}


@dataclass
class Sparse:
    """SparsityParameters. ``levels``: (dense size, segments, indices), the latter two None for a dense one; ``index_kind``: of SparseIndexVector."""

    order: tuple[int, ...]
    block_map: tuple[int, ...]
    levels: tuple[tuple[int, Any, Any], ...]
    index_kind: int = 1


@dataclass
class T:
    """A tensor; ``data``: stored values; ``kind``: TensorType where the data's type does not tell it."""

    shape: tuple[int, ...]
    data: np.ndarray | None = None
    kind: int = 0
    signature: tuple[int, ...] | None = None
    scale: tuple[float, ...] = ()
    zero: tuple[int, ...] = ()
    axis: int = 0
    variable: bool = False
    sparse: bool | Sparse = False


@dataclass
class Op:
    code: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: tuple[str, dict[str, Any]] | None = None
    custom: str = ""
    custom_options: bytes = b""


@dataclass
class Net:
    """Tensors and operators of the main subgraph; ``others``: further ones; ``subgraphs``: how often the main one stands in the file."""

    tensors: list[T] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)
    inputs: tuple[int, ...] = (0,)
    outputs: tuple[int, ...] | None = None
    subgraphs: int = 1
    others: list[Net] = field(default_factory=list)
    same_names: bool = False
    external: bool = False  # stored values behind the flatbuffer, as in files above 2 GB

    def add(self, *shape: int, **more: Any) -> int:
        self.tensors.append(T(shape, **more))
        return len(self.tensors) - 1

    def stored(self, values: Any, dtype: str = "f4", **more: Any) -> int:
        array = np.asarray(values, dtype=dtype)
        self.tensors.append(T(array.shape, array, TYPES[dtype], **more))
        return len(self.tensors) - 1

    def op(self, code: str, inputs: tuple[int, ...], *outputs: int, options: tuple[str, dict[str, Any]] | None = None, **more: Any) -> None:
        self.ops.append(Op(code, inputs, outputs, options, **more))

    def bytes(self) -> bytes:
        return _write(self)


def _vector(builder: flatbuffers.Builder, values: Any, dtype: Any) -> int:
    return builder.CreateNumpyVector(np.asarray(values, dtype=dtype))


def _tables(builder: flatbuffers.Builder, offsets: list[int]) -> int:
    builder.StartVector(4, len(offsets), 4)
    for offset in reversed(offsets):
        builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()


def _options(builder: flatbuffers.Builder, options: tuple[str, dict[str, Any]]) -> int:
    kind, values = options
    module = getattr(tflite, kind)
    stored = {key: _vector(builder, value, np.int32) if isinstance(value, list | tuple) else value for key, value in values.items()}
    getattr(tflite, f"{kind}Start")(builder)
    for key, value in stored.items():
        getattr(tflite, f"{kind}Add{key}")(builder, value)
    assert module is not None
    return getattr(tflite, f"{kind}End")(builder)


def _tensor(builder: flatbuffers.Builder, name_text: str, tensor: T, buffer: int) -> int:
    name, shape = builder.CreateString(name_text), _vector(builder, tensor.shape, np.int32)
    signature = _vector(builder, tensor.signature, np.int32) if tensor.signature else 0
    quantization = sparsity = 0
    if tensor.scale:
        scale, zero = _vector(builder, tensor.scale, np.float32), _vector(builder, tensor.zero or (0,) * len(tensor.scale), np.int64)
        tflite.QuantizationParametersStart(builder)
        tflite.QuantizationParametersAddScale(builder, scale)
        tflite.QuantizationParametersAddZeroPoint(builder, zero)
        tflite.QuantizationParametersAddQuantizedDimension(builder, tensor.axis)
        quantization = tflite.QuantizationParametersEnd(builder)
    if isinstance(tensor.sparse, Sparse):
        sparsity = _sparsity(builder, tensor.sparse)
    elif tensor.sparse:
        tflite.SparsityParametersStart(builder)
        sparsity = tflite.SparsityParametersEnd(builder)
    tflite.TensorStart(builder)
    tflite.TensorAddName(builder, name)
    tflite.TensorAddShape(builder, shape)
    tflite.TensorAddType(builder, tensor.kind)
    tflite.TensorAddBuffer(builder, buffer)
    for offset, add in ((signature, tflite.TensorAddShapeSignature), (quantization, tflite.TensorAddQuantization), (sparsity, tflite.TensorAddSparsity)):
        if offset:
            add(builder, offset)
    if tensor.variable:
        tflite.TensorAddIsVariable(builder, True)
    return tflite.TensorEnd(builder)


_INDEX_VECTORS = {1: ("Int32Vector", np.int32), 2: ("Uint16Vector", np.uint16), 3: ("Uint8Vector", np.uint8)}


def _sparsity(builder: flatbuffers.Builder, sparse: Sparse) -> int:
    name, dtype = _INDEX_VECTORS[sparse.index_kind]
    levels = []
    for size, *parts in sparse.levels:
        offsets = []
        for values in parts:
            if values is not None:
                vector = _vector(builder, values, dtype)
                getattr(tflite, f"{name}Start")(builder)
                getattr(tflite, f"{name}AddValues")(builder, vector)
                offsets.append(getattr(tflite, f"{name}End")(builder))
        tflite.DimensionMetadataStart(builder)
        tflite.DimensionMetadataAddFormat(builder, 1 if offsets else 0)
        tflite.DimensionMetadataAddDenseSize(builder, size)
        if offsets:
            tflite.DimensionMetadataAddArraySegmentsType(builder, sparse.index_kind)
            tflite.DimensionMetadataAddArraySegments(builder, offsets[0])
            tflite.DimensionMetadataAddArrayIndicesType(builder, sparse.index_kind)
            tflite.DimensionMetadataAddArrayIndices(builder, offsets[1])
        levels.append(tflite.DimensionMetadataEnd(builder))
    order, block_map = _vector(builder, sparse.order, np.int32), _vector(builder, sparse.block_map, np.int32)
    dimensions = _tables(builder, levels)
    tflite.SparsityParametersStart(builder)
    tflite.SparsityParametersAddTraversalOrder(builder, order)
    tflite.SparsityParametersAddBlockMap(builder, block_map)
    tflite.SparsityParametersAddDimMetadata(builder, dimensions)
    return tflite.SparsityParametersEnd(builder)


def _operator(builder: flatbuffers.Builder, op: Op, code: int) -> int:
    inputs, outputs = _vector(builder, op.inputs, np.int32), _vector(builder, op.outputs, np.int32)
    options = _options(builder, op.options) if op.options else 0
    custom = builder.CreateByteVector(op.custom_options) if op.custom_options else 0
    tflite.OperatorStart(builder)
    tflite.OperatorAddOpcodeIndex(builder, code)
    tflite.OperatorAddInputs(builder, inputs)
    tflite.OperatorAddOutputs(builder, outputs)
    if op.options:
        tflite.OperatorAddBuiltinOptionsType(builder, getattr(tflite.BuiltinOptions, op.options[0]))
        tflite.OperatorAddBuiltinOptions(builder, options)
    if custom:
        tflite.OperatorAddCustomOptions(builder, custom)
    return tflite.OperatorEnd(builder)


def _code(builder: flatbuffers.Builder, code: str, custom: str) -> int:
    number = getattr(tflite.BuiltinOperator, code)
    text = builder.CreateString(custom) if custom else 0
    tflite.OperatorCodeStart(builder)
    tflite.OperatorCodeAddDeprecatedBuiltinCode(builder, min(number, 127))
    tflite.OperatorCodeAddBuiltinCode(builder, number)
    if custom:
        tflite.OperatorCodeAddCustomCode(builder, text)
    return tflite.OperatorCodeEnd(builder)


def _subgraph(builder: flatbuffers.Builder, net: Net, tensors: list[int], operators: list[int]) -> int:
    outputs = net.outputs if net.outputs is not None else net.ops[-1].outputs
    lists = [_tables(builder, tensors), _vector(builder, net.inputs, np.int32), _vector(builder, outputs, np.int32), _tables(builder, operators)]
    tflite.SubGraphStart(builder)
    adders = (tflite.SubGraphAddTensors, tflite.SubGraphAddInputs, tflite.SubGraphAddOutputs, tflite.SubGraphAddOperators)
    for add, offset in zip(adders, lists, strict=True):
        add(builder, offset)
    return tflite.SubGraphEnd(builder)


def _write(net: Net) -> bytes:
    builder = flatbuffers.Builder(1024)
    stored: list[np.ndarray | None] = [None]
    names = list(dict.fromkeys((op.code, op.custom) for part in (net, *net.others) for op in part.ops))
    codes = [_code(builder, *name) for name in names]
    graphs = []
    for part in (net, *net.others):
        tensors = []
        for index, tensor in enumerate(part.tensors):
            stored += [tensor.data] if tensor.data is not None else []
            tensors.append(_tensor(builder, "same" if net.same_names else f"tensor {index};fused", tensor, len(stored) - 1 if tensor.data is not None else 0))
        operators = [_operator(builder, op, names.index((op.code, op.custom))) for op in part.ops]
        graphs += [_subgraph(builder, part, tensors, operators) for _ in range(part.subgraphs)]
    buffers = []
    for data in stored:
        values = builder.CreateByteVector(data.tobytes()) if data is not None and not net.external else 0
        tflite.BufferStart(builder)
        if data is not None and net.external:
            tflite.BufferAddOffset(builder, _PLACEHOLDER + len(buffers))
            tflite.BufferAddSize(builder, data.nbytes)
        elif data is not None:
            tflite.BufferAddData(builder, values)
        buffers.append(tflite.BufferEnd(builder))
    lists = [_tables(builder, codes), _tables(builder, graphs), _tables(builder, buffers)]
    tflite.ModelStart(builder)
    tflite.ModelAddVersion(builder, 3)
    for add, offset in zip((tflite.ModelAddOperatorCodes, tflite.ModelAddSubgraphs, tflite.ModelAddBuffers), lists, strict=True):
        add(builder, offset)
    builder.Finish(tflite.ModelEnd(builder), file_identifier=b"TFL3")
    return _with_external(bytes(builder.Output()), stored) if net.external else bytes(builder.Output())


_PLACEHOLDER = 1 << 56


def _with_external(data: bytes, stored: list[np.ndarray | None]) -> bytes:
    """Values appended, and the placeholders replaced by where they lie."""
    for index, values in enumerate(stored):
        if values is not None:
            data = data.replace((_PLACEHOLDER + index).to_bytes(8, "little"), len(data).to_bytes(8, "little")) + values.tobytes()
    return data
