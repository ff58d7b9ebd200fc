"""Compressing an ONNX file for real: passes and ONNX Runtime's quantizers, and what that changed, measured on the files themselves."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sim.errors import EdgesimError, Problem
from sim.experiment.accuracy.dataset import input_keys, load_dataset, read_arrays
from sim.experiment.accuracy.measure import Measured, exported, measure
from sim.experiment.accuracy.session import Runner
from sim.experiment.onnx_quantizers import Quantizer, quantized_with_onnxruntime
from sim.frontends.load import load_model
from sim.frontends.onnx import open_batches
from sim.frontends.onnx.export_writer import held_wider
from sim.frontends.onnx.observe import observed_ranges
from sim.frontends.onnx.rerun import rerunner
from sim.graph.ir import Graph
from sim.passes.compression import Means, compress
from sim.passes.compression.apply import parsed_steps
from sim.passes.compression.measures import Measures, measures_of
from sim.passes.compression.rounding import signal_to_noise_db
from sim.scenario.accuracy import AccuracyUse
from sim.scenario.compression import CompressionStep

_COMPARED = 256  # samples on which answers are compared


@dataclass(frozen=True)
class Order:
    """What to do to a model file. ``steps`` run in order on its graph, ``quantizer`` of ONNX Runtime after them.

    ``calibrate``: .npz file of inputs; ``check``: data and metric. Paths are relative to the working directory.
    """

    model: Path
    steps: tuple[Mapping[str, object], ...] = ()
    quantizer: Quantizer | None = None
    per_channel: bool = True
    calibrate: Path | None = None
    check: AccuracyUse | None = None
    shapes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Side:
    """A model file: its bytes, what its graph holds, and its accuracy where that was measured."""

    file_bytes: int
    measures: Measures
    accuracy: Measured | None


@dataclass(frozen=True)
class Compressed:
    """``content``: the new file. ``sqnr_db``: output -> power of the old answers by that of the change, ``[samples_count]`` samples.

    ``notes``: what was decided without being asked for.
    """

    content: bytes
    before: Side
    after: Side
    sqnr_db: Mapping[str, float]
    samples_count: int
    notes: tuple[str, ...] = ()


def compressed_file(order: Order) -> Compressed:
    """Compress, run and compare; writes nothing. Raises EdgesimError for everything that does not fit."""
    if not order.steps and order.quantizer is None:
        raise EdgesimError("name at least one technique, such as --int8 or --prune 50%")
    if order.model.suffix.lower() != ".onnx":
        raise EdgesimError(f"{order.model}: compresses .onnx files")
    parsed = parsed_steps(order.steps)
    batches = open_batches(order.model, order.shapes)
    order = replace(order, shapes={**batches, **order.shapes})
    graph = load_model(str(order.model), directory=Path(), shapes=order.shapes)
    old = Runner(order.model, order.model.name)
    feeds = _feeds(order, graph, old)
    changed = _stepped(graph, parsed, feeds) if parsed else graph
    content = exported(changed) if parsed else order.model.read_bytes()
    if order.quantizer is not None:
        content = quantized_with_onnxruntime(content, order.quantizer, feeds, per_channel=order.per_channel)
    new = Runner(content, "the compressed model")
    before, after = (
        _side(runner, *found, order) for runner, found in ((old, (graph, order.model.stat().st_size)), (new, (_read(content, order), len(content))))
    )
    ratios, samples = _compared(old, new, feeds if feeds is not None else _check_feeds(order, graph))
    return Compressed(content, before, after, ratios, samples, _notes(batches, changed, bool(parsed)))


def _notes(batches: Mapping[str, int], changed: Graph, rewritten: bool) -> tuple[str, ...]:
    names = ", ".join(f"{name} = {extent}" for name, extent in batches.items())
    what = "the new file takes samples one by one" if rewritten else "work is counted for one sample; the file still takes any number"
    batch = (f"the batch is open: {names}, so {what}; --shape gives another",) if batches else ()
    wider = (held_wider(changed),) if rewritten else ()
    return (*batch, *(note for note in wider if note), *(str(note) for note in changed.notes.get("compiler", ()) if rewritten))


def _feeds(order: Order, graph: Graph, runner: Runner) -> dict[str, np.ndarray] | None:
    """Calibration data by input."""
    if order.calibrate is None:
        return None
    arrays = read_arrays(order.calibrate, "--calibrate")
    keys = input_keys(arrays, graph.inputs, {})
    missing = [name for name, key in keys.items() if key not in arrays]
    if missing:
        what = f"{order.calibrate} has no array for input {', '.join(map(repr, missing))}; it has {', '.join(arrays) or 'none'}"
        raise EdgesimError(Problem(path="--calibrate", what=what))
    feeds = {name: arrays[key] for name, key in keys.items()}
    runner.check(feeds, "--calibrate")
    return feeds


def _stepped(graph: Graph, steps: Sequence[CompressionStep], feeds: Mapping[str, np.ndarray] | None) -> Graph:
    means = Means(
        feeds,
        observed_ranges if feeds else None,
        lambda source, options, shapes: load_model(source, directory=Path(), options=options, shapes=shapes),
        rerun=rerunner if feeds else None,
    )
    return compress(graph, steps, means=means).graph


def _read(content: bytes, order: Order) -> Graph:
    """The graph of the new file, so that what is counted is what was written."""
    with tempfile.TemporaryDirectory(prefix="edgesim_") as folder:
        (Path(folder) / "model.onnx").write_bytes(content)
        return load_model("model.onnx", directory=Path(folder), shapes=order.shapes, unknown_operators="warn")


def _side(runner: Runner, graph: Graph, size: int, order: Order) -> Side:
    accuracy = None
    if order.check is not None:
        with _as_option():
            accuracy = measure(runner, load_dataset(order.check, runner.inputs, Path()), order.check.metric, order.check.output)
    return Side(size, measures_of(graph), accuracy)


def _check_feeds(order: Order, graph: Graph) -> Mapping[str, np.ndarray] | None:
    if order.check is None:
        return None
    with _as_option():
        return load_dataset(order.check, graph.inputs, Path()).feeds


@contextmanager
def _as_option() -> Iterator[None]:
    """Problems of ``accuracy...`` as those of ``--check``."""
    try:
        yield
    except EdgesimError as error:
        raise EdgesimError([replace(problem, path="--check") if problem.path.startswith("accuracy.") else problem for problem in error.problems]) from None


def _compared(old: Runner, new: Runner, feeds: Mapping[str, np.ndarray] | None) -> tuple[dict[str, float], int]:
    """Signal-to-noise ratios of float outputs that both models have."""
    if feeds is None:
        return {}, 0
    taken = {name: values[:_COMPARED] for name, values in feeds.items()}
    names = [name for name in old.outputs if name in new.outputs]
    first, second = old.run(taken, names), new.run(taken, names)
    ratios = {
        name: signal_to_noise_db(first[name].astype(np.float64), second[name].astype(np.float64))
        for name in names
        if np.issubdtype(first[name].dtype, np.floating) and first[name].shape == second[name].shape
    }
    return ratios, len(next(iter(taken.values())))
