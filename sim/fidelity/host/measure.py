"""Times of benchmark graphs on this machine through ONNX Runtime, and the work that each timed operator is.

Two kinds of graph. *Packs* hold some forty different operators side by side, more data than the caches hold, so that each
operator finds its weights in memory, as in a large network; their nodes are timed by the runtime's profiler, whose own time
per node is measured and taken off. *Chains* repeat one small operator; the difference between a long and a short chain is
the operator's time with everything in the cache, without a profiler.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from device_models.work import Work
from sim.compiler.compile import lower_model
from sim.compiler.pipeline import resolve_runtime
from sim.fidelity.host.branch import Branch, model_of
from sim.frontends.load import load_model

if TYPE_CHECKING:
    from onnx import ModelProto

RUNS = 25  # the shortest of so many is taken
LAYOUT_CHANGES = ("ReorderInput", "ReorderOutput", "Transpose")  # put around a lone operator, but not between those of a network
INPUT_TYPES: dict[str, Any] = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int8)": np.int8, "tensor(uint8)": np.uint8}


@dataclass(frozen=True)
class Timed:
    """One timed operator: its work (usually one row), seconds, and the bytes its graph touches in one run."""

    kind: str
    work: Work
    seconds: float
    footprint_bytes: float


def open_session(model: bytes | str, threads: int, profile_prefix: str = "") -> Any:
    """An ONNX Runtime session on the CPU with so many threads, all optimisations on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 3
    if profile_prefix:
        options.enable_profiling, options.profile_file_prefix = True, profile_prefix
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def random_inputs(session: Any, shapes: dict[str, int] | None = None) -> dict[str, np.ndarray]:
    """Random values for every input. Raises ValueError where an extent is open and ``shapes`` does not bind it."""
    generator, found = np.random.default_rng(0), {}
    for value in session.get_inputs():
        extents = [extent if isinstance(extent, int) else (shapes or {}).get(extent) for extent in value.shape]
        known = [extent for extent in extents if extent is not None]
        if len(known) < len(extents) or value.type not in INPUT_TYPES:
            raise ValueError(f"input {value.name!r} has shape {value.shape} of {value.type}")
        found[value.name] = (generator.random(known) * 2).astype(INPUT_TYPES[value.type])
    return found


def shortest_run_s(session: Any, inputs: dict[str, np.ndarray], runs: int = RUNS, least_s: float = 0.0) -> float:
    """The shortest of at least ``runs`` runs, and of as many as ``least_s`` holds."""
    best, begun, count = float("inf"), time.perf_counter(), 0
    while count < runs or time.perf_counter() - begun < least_s:
        start = time.perf_counter()
        session.run(None, inputs)
        best = min(best, time.perf_counter() - start)
        count += 1
    return best


def time_pack(branches: Sequence[Branch], threads: int) -> list[Timed]:
    """Every operator of a pack, without the profiler's share."""
    model = model_of(branches)
    nodes = profiled_nodes(model, threads)
    session = open_session(model.SerializeToString(), threads)
    whole_s = shortest_run_s(session, random_inputs(session), runs=8)
    bias_s = max((sum(seconds for _, _, seconds in nodes) - whole_s) / max(len(nodes), 1), 0.0)
    times: dict[str, float] = defaultdict(float)
    prefixes = {branch.prefix: branch for branch in branches}
    for name, type, seconds in nodes:
        branch = prefixes.get(name.split("_")[0])
        if branch is not None and (type not in LAYOUT_CHANGES or branch.kind == "permute"):
            times[branch.prefix] += max(seconds - bias_s, 2e-7)
    work, footprint_bytes = branch_work(model)
    timed = [branch for branch in branches if branch.prefix in times and branch.prefix in work]
    return [Timed(branch.kind, work[branch.prefix], times[branch.prefix], footprint_bytes) for branch in timed]


def profiled_nodes(model: ModelProto, threads: int, runs: int = RUNS) -> list[tuple[str, str, float]]:
    """(node name, operator, shortest seconds) as the runtime's profiler reports them."""
    with tempfile.TemporaryDirectory() as folder:
        session = open_session(model.SerializeToString(), threads, str(Path(folder) / "profile"))
        inputs = random_inputs(session)
        for _ in range(runs):
            session.run(None, inputs)
        events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
    found: dict[tuple[str, str], float] = {}
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            key = (event["name"].removesuffix("_kernel_time"), event["args"]["op_name"])
            found[key] = min(found.get(key, float("inf")), float(event["dur"]) * 1e-6)
    return [(name, type, seconds) for (name, type), seconds in found.items()]


def branch_work(model: ModelProto) -> tuple[dict[str, Work], float]:
    """Prefix of a branch -> its kernels as the simulator lowers them for ONNX Runtime; and the bytes that all kernels write or read as weights."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "benchmark.onnx"
        path.write_bytes(model.SerializeToString())
        lowered = lower_model(load_model(str(path), directory=Path()), resolve_runtime("onnxruntime"))
    rows: dict[str, list[int]] = defaultdict(list)
    for index, op in enumerate(lowered.flow.ops):
        rows[op.name.split("_")[0]].append(index)
    footprint_bytes = float((lowered.work.weight_bytes + lowered.work.out_bytes).sum())
    return {prefix: lowered.work.take(np.array(indices)) for prefix, indices in rows.items()}, footprint_bytes


def time_chain(make: Callable[[int], Branch], threads: int, length: int = 16) -> Timed | None:
    """One operator of a chain, everything in the cache; None if the simulator makes something else of the chain."""
    sessions = []
    for count in (1, length + 1):
        session = open_session(model_of([make(count)]).SerializeToString(), threads)
        sessions.append((session, random_inputs(session)))
    short_s, long_s = (min(shortest_run_s(session, inputs, runs=60) for _ in range(2)) for session, inputs in sessions)
    work = branch_work(model_of([make(1)]))[0].get("n0")
    if work is None or long_s <= short_s:
        return None
    footprint_bytes = float((work.weight_bytes + work.out_bytes).sum()) * (length + 1)
    return Timed(make(1).kind, work, (long_s - short_s) / length, footprint_bytes)


def run_overhead_s(threads: int) -> float:
    """Time of a run beside its kernels: a network of one trivial operator."""
    branch = Branch("n0", "elementwise", np.random.default_rng(0))
    branch.output(branch.op("Relu", [branch.input((1, 8))]))
    session = open_session(model_of([branch]).SerializeToString(), threads)
    return shortest_run_s(session, random_inputs(session), runs=500)
