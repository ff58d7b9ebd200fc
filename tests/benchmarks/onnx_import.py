"""How long importing (and lowering to kernels' work) a 100 MB ONNX file takes, over what onnx takes to load it and infer its shapes.

Run: ``python tests/benchmarks/onnx_import.py``. Aim: a ratio below 2. CPU seconds, best of five, each in this one process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from sim.frontends.onnx import import_onnx
from sim.graph.work import graph_work

LAYERS, WIDTH, POSITIONS = 8, 512, 128  # 8 layers of 12 * 512^2 weights: 100 MB of float32


def transformer() -> onnx.ModelProto:
    """Layers of attention and feed-forward with the operators and shape arithmetic that exporters write."""
    nodes: list[onnx.NodeProto] = []
    arrays: dict[str, np.ndarray] = {
        "axes": np.array([0]),
        "minus": np.array([-1]),
        "zero": np.int64(0),
        "heads": np.array([8, WIDTH // 8]),
        "scale": np.float32(0.125),
    }
    rng, x = np.random.default_rng(0), "x"

    def add(type: str, inputs: list[str], **attributes: object) -> str:
        output = f"v{len(nodes)}"
        nodes.append(helper.make_node(type, inputs, [output], **attributes))
        return output

    def weight(*shape: int) -> str:
        name = f"w{len(arrays)}"
        arrays[name] = rng.standard_normal(shape, dtype=np.float32)
        return name

    def heads(value: str) -> str:
        shape = add("Shape", [value])
        batch, steps = (add("Gather", [shape, name]) for name in ("axes", "one"))
        target = add("Concat", [batch, steps, "heads"], axis=0)
        return add("Transpose", [add("Reshape", [value, target])], perm=[0, 2, 1, 3])

    arrays["one"] = np.array([1])
    for _ in range(LAYERS):
        n = add("LayerNormalization", [x, weight(WIDTH), weight(WIDTH)])
        q, k, v = (heads(add("Add", [add("MatMul", [n, weight(WIDTH, WIDTH)]), weight(WIDTH)])) for _ in range(3))
        scores = add("Softmax", [add("Mul", [add("MatMul", [q, add("Transpose", [k], perm=[0, 1, 3, 2])]), "scale"])], axis=-1)
        mixed = add("Transpose", [add("MatMul", [scores, v])], perm=[0, 2, 1, 3])
        flat = add("Reshape", [mixed, add("Concat", [add("Gather", [add("Shape", [mixed]), name]) for name in ("axes", "one")] + ["minus"], axis=0)])
        x = add("Add", [x, add("MatMul", [flat, weight(WIDTH, WIDTH)])])
        hidden = add("Relu", [add("MatMul", [x, weight(WIDTH, 4 * WIDTH)])])
        x = add("Add", [x, add("MatMul", [hidden, weight(4 * WIDTH, WIDTH)])])
    stored = [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()]
    info = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, POSITIONS, WIDTH]) for name in ("x", x)]
    return helper.make_model(helper.make_graph(nodes, "transformer", info[:1], info[1:], stored), opset_imports=[helper.make_opsetid("", 17)])


def best_of_five(action: Callable[[], object]) -> float:
    times = []
    for _ in range(5):
        start = time.process_time()
        action()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "transformer.onnx"
        path.write_bytes(transformer().SerializeToString())
        ours = best_of_five(lambda: graph_work(import_onnx(path)))
        theirs = best_of_five(lambda: onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True))
        print(f"file                               {path.stat().st_size / 1e6:8.1f} MB, {len(onnx.load(path).graph.node)} nodes")
        print(f"onnx.load + infer_shapes           {theirs * 1e3:8.1f} ms of CPU")
        print(f"import_onnx + work of each kernel  {ours * 1e3:8.1f} ms of CPU")
        print(f"ratio                              {ours / theirs:8.2f}   (aim: below 2)")


if __name__ == "__main__":
    main()
