"""How a model's weights are stored: formats, quantization, zeros and clusters, as a person would say it."""

from __future__ import annotations

from dataclasses import dataclass

from device_models.work import DType
from sim.graph.ir import Graph, Tensor

_NAMES = {
    DType.F32: "float32", DType.F16: "float16", DType.BF16: "bfloat16", DType.F64: "float64", DType.F8: "float8", DType.I8: "int8", DType.I4: "int4",
    DType.I2: "int2", DType.I16: "int16", DType.I32: "int32", DType.I64: "int64", DType.BOOL: "bool",
}  # fmt: skip
_INTEGERS = (DType.I8, DType.I4, DType.I2, DType.I16)


@dataclass(frozen=True)
class StoredWeights:
    """``formats_ratio``: share of the parameters in each format; ``zeros_ratio``: of those that pruning made zero; ``clusters_most_count``: the
    largest codebook, 0 where weights are not clustered, and ``clustered_ratio`` the share that is."""

    formats_ratio: dict[str, float]
    zeros_ratio: float
    structure: str
    clusters_most_count: int
    clustered_ratio: float


def stored_weights(graph: Graph) -> StoredWeights:
    """Counted over all trained parameters."""
    weights = [tensor for tensor in graph.tensors.values() if tensor.role == "weight"]
    grouped = {op.inputs[1] for op in graph.ops if op.type == "Dense" and len(op.inputs) > 3}  # scales of groups are further inputs
    total = sum(tensor.elements for tensor in weights) or 1
    formats: dict[str, float] = {}
    zeros: dict[str, float] = {}
    for tensor in weights:
        name = format_of(tensor, tensor.name in grouped)
        formats[name] = formats.get(name, 0.0) + tensor.elements / total
        if tensor.sparsity is not None:
            kind = _structure(tensor)
            zeros[kind] = zeros.get(kind, 0.0) + tensor.sparsity.ratio * tensor.elements / total
    clustered = [tensor for tensor in weights if tensor.clusters]
    ordered = dict(sorted(formats.items(), key=lambda item: -item[1]))
    structure = max(zeros, key=lambda kind: zeros[kind]) if zeros else ""
    most = max((tensor.clusters for tensor in clustered), default=0)
    return StoredWeights(ordered, sum(zeros.values()), structure, most, sum(tensor.elements for tensor in clustered) / total)


def format_of(tensor: Tensor, grouped: bool = False) -> str:
    """Such as ``int8 per channel``. ``grouped``: its scales belong to groups and stand elsewhere."""
    name = _NAMES[tensor.dtype]
    if tensor.dtype not in _INTEGERS:
        return name
    if grouped or tensor.group_bits:
        return f"{name} in groups"
    if tensor.quantization is None:
        return name
    return f"{name} per tensor" if len(tensor.quantization.scale) == 1 else f"{name} per channel"


def _structure(tensor: Tensor) -> str:
    if tensor.sparsity is None or tensor.sparsity.structure == "element":
        return "single weights"
    return "2:4" if tensor.sparsity.structure == "2:4" else f"blocks {tensor.sparsity.block[0]} x {tensor.sparsity.block[1]}"


def in_words(stored: StoredWeights) -> str:
    """One line: formats first, then zeros and clusters."""
    from sim.report.numbers import percent

    shown = [(name, ratio) for name, ratio in stored.formats_ratio.items() if ratio >= 0.005] or list(stored.formats_ratio.items())[:1]
    parts = [", ".join(name if len(shown) == 1 else f"{name} {percent(ratio, 2)}" for name, ratio in shown)] if shown else []
    if stored.zeros_ratio:
        parts.append(f"{percent(stored.zeros_ratio, 2)} zero ({stored.structure})")
    if stored.clusters_most_count:
        parts.append(f"{percent(stored.clustered_ratio, 2)} clustered (at most {stored.clusters_most_count} values a tensor)")
    return ", ".join(parts) or "none"
