"""The verifier: says everything that is wrong with a graph. Runs after every import and every pass."""

from __future__ import annotations

from sim.errors import ModelError, Problem
from sim.graph.ir import RUNNING, Graph, Op
from sim.graph.ops import OPS
from sim.registry import near_names


def verify(graph: Graph) -> Graph:
    """Return the graph if it is consistent, else raise ModelError with every problem found (at most 20)."""
    problems = [*_interface_problems(graph), *_op_problems(graph)]
    if problems:
        raise ModelError([Problem(path=graph.name, what=what) for what in problems[:20]])
    return graph


def _interface_problems(graph: Graph) -> list[str]:
    problems = [
        f"graph {what} {name!r} is no tensor"
        for what, names in (("input", graph.inputs), ("output", graph.outputs))
        for name in names
        if name not in graph.tensors
    ]
    if not graph.outputs:
        problems.append("the graph has no output")
    problems += [f"tensor {key!r} is named {tensor.name!r}" for key, tensor in graph.tensors.items() if key != tensor.name]
    problems += [f"tensor {name!r} has shape {list(tensor.shape)}" for name, tensor in graph.tensors.items() if any(extent < 0 for extent in tensor.shape)]
    return problems


def _op_problems(graph: Graph) -> list[str]:
    problems: list[str] = []
    ready = {name for name, tensor in graph.tensors.items() if tensor.role != "activation"}
    names: set[str] = set()
    for op in graph.ops:
        if op.name in names:
            problems.append(f"two operators are named {op.name!r}")
        names.add(op.name)
        problems += _problems_of(graph, op, ready)
        ready.update(op.outputs)
    problems += [f"output {name!r} is never computed" for name in graph.outputs if name in graph.tensors and name not in ready]
    return problems


def _problems_of(graph: Graph, op: Op, ready: set[str]) -> list[str]:
    if op.type not in OPS:
        return [f"{op.name}: unknown operator {op.type!r}; {near_names(op.type, OPS)}"]
    missing = [name for name in (*op.all_inputs, *op.outputs) if name not in graph.tensors]
    if missing:
        return [f"{op.name}: tensor {missing[0]!r} does not exist"]
    problems = [f"{op.name}: reads {name!r} before it is computed" for name in op.all_inputs if name not in ready]
    problems += [f"{op.name}: computes {name!r} a second time" for name in op.outputs if name in ready]
    return problems + _shape_problems(graph, op) + _fusion_problems(graph, op)


def _shape_problems(graph: Graph, op: Op) -> list[str]:
    infer = OPS[op.type].infer
    if infer is None:
        return []
    try:
        inferred = infer(op, [graph.tensors[name] if name else None for name in op.inputs])
    except ModelError as error:
        return [problem.what for problem in error.problems]
    except (KeyError, TypeError, ValueError, IndexError, ZeroDivisionError) as error:
        return [f"{op.name}: {op.type} has attributes that do not fit ({type(error).__name__}: {error})"]
    if len(inferred) != len(op.outputs):
        return [f"{op.name}: {op.type} has {len(op.outputs)} outputs, it makes {len(inferred)}"]
    shapes = [(name, graph.tensors[name].shape, shape) for name, (shape, _) in zip(op.outputs, inferred, strict=True)]
    return [f"{op.name}: output {name!r} has shape {list(stated)}, {op.type} makes {list(made)}" for name, stated, made in shapes if stated != made]


def _fusion_problems(graph: Graph, op: Op) -> list[str]:
    problems = []
    for fused in op.fused:
        if fused.type not in OPS or not OPS[fused.type].elementwise:
            problems.append(f"{op.name}: {fused.type} cannot be fused")
        elif fused.inputs.count(RUNNING) < 1:
            problems.append(f"{op.name}: fused {fused.type} does not use the value it follows")
    return problems
