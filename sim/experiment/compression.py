"""A model of a scenario with its compression techniques applied: calibration data, other networks and costs are fetched here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from device_models.spec import DeviceSpec
from sim.compiler import compile_model
from sim.compiler.warm_run import run_cost
from sim.errors import EdgesimError, Problem
from sim.frontends.load import load_model
from sim.graph.ir import Graph
from sim.passes.compression import Cost, Means, compress
from sim.passes.compression.base import Feeds, Rerun
from sim.scenario.compression import MixedPrecisionOptions, QuantizeOptions
from sim.scenario.model import ModelUse
from sim.scenario.spiking import ToSpikingOptions


def compressed_model(graph: Graph, use: ModelUse, device: DeviceSpec, directory: Path, runtime: str | None = None) -> Graph:
    """The graph after the techniques that a scenario lists for it. Files are looked for in ``directory``.

    ``runtime``: what the scenario runs models with that name none. Raises EdgesimError whose problems name the step
    (``compress.0.quantize.calibration``).
    """
    cost = _coster(use, device, runtime)
    for index, step in enumerate(use.compress):
        feeds = _calibration(step.options, directory, f"compress.{index}.{step.technique}.calibration")
        means = Means(feeds, _ranges if feeds else None, _network(directory), cost, _rerunner if feeds else None)
        graph = compress(graph, [step], means=means, first=index).graph
    return graph


def _calibration(options: object, directory: Path, path: str) -> Feeds | None:
    """Arrays of the .npz file that a step names."""
    name = options.calibration if isinstance(options, QuantizeOptions | MixedPrecisionOptions | ToSpikingOptions) else None
    if name is None:
        return None
    try:
        with np.load(directory / name, allow_pickle=False) as file:
            return {key: file[key] for key in file.files}
    except (OSError, ValueError, EOFError, AttributeError, TypeError, BadZipFile) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise EdgesimError(Problem(path=path, what=f"{directory / name} is no .npz file with an array for each input ({reason})")) from None


def _ranges(graph: Graph, feeds: Feeds) -> Mapping[str, tuple[float, float]]:
    """The range of every activation, from runs in ONNX Runtime."""
    from sim.frontends.onnx.observe import observed_ranges

    return observed_ranges(graph, feeds)


def _rerunner(graph: Graph, feeds: Feeds, weights: Sequence[str], observed: Sequence[str]) -> Rerun:
    """Runs with other weights, in ONNX Runtime."""
    from sim.frontends.onnx.rerun import rerunner

    return rerunner(graph, feeds, weights, observed)


def _network(directory: Path) -> Callable[[str, Mapping[str, Any], Mapping[str, int]], Graph]:
    return lambda source, options, shapes: load_model(source, directory=directory, options=options, shapes=shapes)


def _coster(use: ModelUse, device: DeviceSpec, runtime: str | None) -> Callable[[Graph], Cost]:
    """What one inference of a graph takes where and how the scenario runs the model."""

    def cost(graph: Graph) -> Cost:
        program = compile_model(graph, device, runtime=use.runtime or runtime, precision=use.precision, placement=use.placement, threads=use.threads)
        return Cost(*run_cost(program, device))

    return cost
