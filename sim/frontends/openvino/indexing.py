"""Layers that pick, scatter or count elements, detection heads, random numbers: their output shapes are worked out here."""

from __future__ import annotations

from math import ceil, prod

from sim.frontends.openvino.node import Node, Shape, handles


@handles("GatherElements")
def _gather_elements(node: Node) -> None:
    node.emit("GatherElements", node.operands("operand", "constant"), {"axis": node.whole("axis", 0)}, shapes=[node.shape(1)])


@handles("GatherND")
def _gather_nd(node: Node) -> None:
    x, index, batch = node.shape(0), node.shape(1), node.whole("batch_dims", 0)
    if not index or not 0 <= batch < len(index) or batch + index[-1] > len(x):
        raise node.refuse(f"gathers from {list(x)} at indices of shape {list(index)}")
    leading = index[:-1] if batch < 2 or node.version() >= 8 else (prod(index[:batch]), *index[batch:-1])
    node.emit("GatherND", node.operands("operand", "constant"), shapes=[(*leading, *x[batch + index[-1] :])])


@handles("ScatterUpdate", "ScatterElementsUpdate", "ScatterNDUpdate")
def _scatter(node: Node) -> None:
    """x, indices, updates (, axis): like x."""
    type = "ScatterElements" if node.type == "ScatterElementsUpdate" else "ScatterND"
    node.emit(type, [node.operand(0), node.operand(1, "constant"), node.operand(2)], {"original": node.type}, shapes=[node.shape(0)])


@handles("TopK")
def _top_k(node: Node) -> None:
    shape, k = node.shape(0), node.ints(1)
    axis = node.axis(node.whole("axis", -1), len(shape))
    if len(k) != 1 or not 0 <= k[0] <= shape[axis]:
        raise node.refuse(f"picks {k} of {shape[axis]}")
    node.emit("TopK", [node.operand(0)], {"axis": axis, "k": k[0]}, outputs=node.outputs_used(2))


@handles("OneHot")
def _one_hot(node: Node) -> None:
    shape, depth = node.shape(0), node.ints(1)
    axis = node.axis(node.whole("axis", -1), len(shape) + 1)
    if len(depth) != 1:
        raise node.refuse(f"has depth {depth}")
    node.emit("OneHot", node.operands("operand", "constant", "constant", "constant"), shapes=[(*shape[:axis], depth[0], *shape[axis:])])


@handles("Range")
def _range(node: Node) -> None:
    start, stop, step = (float(node.constant(i).reshape(-1)[0]) for i in range(3))
    if step == 0:
        raise node.refuse("steps by 0")
    node.emit("Range", node.operands("constant", "constant", "constant"), shapes=[(max(ceil((stop - start) / step), 0),)])


@handles("NonZero")
def _non_zero(node: Node) -> None:
    shape = node.shape(0)
    node.warn(f"the size of its output depends on the data; {prod(shape)} is its largest")
    node.emit("NonZero", [node.operand(0)], shapes=[(len(shape), prod(shape))])


@handles("GridSample")
def _grid_sample(node: Node) -> None:
    x, grid = node.shape(0), node.shape(1)
    if len(x) != 4 or len(grid) != 4:
        raise node.refuse(f"samples {list(x)} at {list(grid)}")
    node.emit("GridSample", node.operands(), shapes=[(*x[:2], *grid[1:3])])


@handles("ROIAlign", "ROIPooling", "PSROIPooling", "DeformablePSROIPooling")
def _regions(node: Node) -> None:
    x, boxes = node.shape(0), node.shape(1)
    height = node.whole("pooled_h", node.whole("output_size", node.whole("group_size", 1)))
    width = node.whole("pooled_w", node.whole("output_size", node.whole("group_size", 1)))
    if node.data.get("output_size") and len(node.wholes("output_size") or []) == 2:
        height, width = node.wholes("output_size") or [1, 1]
    channels = node.whole("output_dim", x[1] if len(x) > 1 else 1)
    node.emit("RoiAlign", node.operands(), {"original": node.type}, shapes=[(boxes[0] if boxes else 1, channels, height, width)])


@handles("NonMaxSuppression")
def _suppression(node: Node) -> None:
    """boxes ``[B, N, 4]``, scores ``[B, classes, N]``, most boxes per class: as many rows as there may be."""
    boxes, scores = node.shape(0), node.shape(1)
    if len(boxes) != 3 or len(scores) != 3:
        raise node.refuse(f"has boxes {list(boxes)} and scores {list(scores)}")
    stored = node.stored(2)
    limit = stored.value() if stored is not None else None
    most = boxes[1] if limit is None else max(min(int(limit.reshape(-1)[0]), boxes[1]), 0)
    rows = scores[0] * scores[1] * most
    node.emit("NonMaxSuppression", node.operands("operand", "operand", "constant"), shapes=_used(node, [(rows, 3), (rows, 3), (1,)]))


@handles("MulticlassNms", "MatrixNms")
def _class_suppression(node: Node) -> None:
    boxes, scores = node.shape(0), node.shape(1)
    keep, per_class = node.whole("keep_top_k", -1), node.whole("nms_top_k", -1)
    found = boxes[-2] if len(boxes) > 1 else 1
    rows = (scores[1] if len(scores) > 1 else 1) * (min(per_class, found) if per_class > 0 else found)
    rows = (min(rows, keep) if keep > 0 else rows) * (scores[0] if scores else 1)
    node.emit("NonMaxSuppression", node.operands(), {"original": node.type}, shapes=_used(node, [(rows, 6), (rows, 1), (boxes[0] if boxes else 1,)]))


def _used(node: Node, shapes: list[Shape]) -> list[Shape]:
    return shapes[: max(node.outputs_used(len(shapes)), 1)]


@handles("DetectionOutput")
def _detections(node: Node) -> None:
    keep = node.wholes("keep_top_k") or [node.whole("top_k", 100)]
    batch = node.shape(0)[0] if node.shape(0) else 1
    node.emit("DetectionOutput", node.operands(), shapes=[(1, 1, batch * max(keep[0], 1), 7)])


@handles("PriorBox", "PriorBoxClustered")
def _prior_boxes(node: Node) -> None:
    """They depend on extents alone: a table that the runtime computes once."""
    port = node.layer.outputs[0].shape if node.layer.outputs else None
    if port is None or -1 in port:
        raise node.refuse("leaves the number of its boxes open; reshape the model to fixed extents before saving it")
    name = node.state.builder.tensor(node.name, port, node.output_dtype(), "constant")
    node.bind(0, name)


@handles("RandomUniform")
def _random(node: Node) -> None:
    node.emit("Random", [], {"original": node.type}, shapes=[tuple(node.ints(0))])


@handles("Eye")
def _eye(node: Node) -> None:
    rows, columns = node.ints(0)[0], node.ints(1)[0]
    node.emit("Range", [], {"original": node.type}, shapes=[(rows, columns)])


@handles("ExtractImagePatches", "DFT", "IDFT", "RDFT", "IRDFT", "STFT", "Bucketize", "SearchSorted", "CTCGreedyDecoder", "CTCGreedyDecoderSeqLen",
         "EmbeddingBagOffsetsSum", "EmbeddingBagPackedSum", "EmbeddingSegmentsSum", "Proposal", "RegionYolo", "ReorgYolo", "Unique", "Col2Im")  # fmt: skip
def _stated(node: Node) -> None:
    """Movers whose output shape the file must state."""
    shapes = [port.shape for port in node.layer.outputs]
    if not shapes or any(shape is None or -1 in shape for shape in shapes):
        raise node.refuse("leaves the shape of its output open; reshape the model to fixed extents before saving it")
    if node.type == "RegionYolo":
        node.emit("Sigmoid", [node.operand(0)], {"original": node.type}, shapes=[tuple(shapes[0] or ())])
        return
    type = "SpaceToDepth" if node.type == "ReorgYolo" else "Generic"
    attributes: dict[str, object] = {"block": node.whole("stride", 2)} if type == "SpaceToDepth" else {"original": node.type}
    node.emit(type, node.operands(), attributes, shapes=[tuple(shape or ()) for shape in shapes])
