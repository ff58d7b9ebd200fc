"""Detection heads whose number of results depends on the data."""

from __future__ import annotations

from device_models.work import DType
from sim.frontends.onnx.node import Node
from sim.frontends.onnx.table import handles


@handles("NonMaxSuppression")
def _suppression(node: Node) -> None:
    """boxes ``[batch, boxes, 4]``, scores ``[batch, classes, boxes]`` -> selected ``[n, 3]``; n is taken as its largest."""
    boxes, scores = node.shape(0), node.shape(1)
    if len(boxes) != 3 or len(scores) != 3 or boxes[2] != 4 or scores[2] != boxes[1]:
        raise node.refuse(f"has boxes {list(boxes)} and scores {list(scores)}")
    given = node.stored(2)
    per_class = boxes[1] if node.has(2) and given is None else min(int(node.scalar(2, default=0) or 0), boxes[1])
    count = scores[0] * scores[1] * per_class
    node.warn(f"the number of boxes it keeps depends on the data; {count} is the largest")
    node.emit("NonMaxSuppression", [node.operand(0), node.operand(1)], {"max_boxes": per_class}, shapes=[((count, 3), DType.I64)])
