"""Built-in architectures by name: ``build("mobilenet_v2", width=0.5)``. Graphs are as a framework exports them for inference, without weights' values.

Importing this package is cheap; a family's file is loaded when one of its models is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from sim.errors import EdgesimError, ModelError
from sim.frontends.zoo.entry import Accuracy, Option, Published, ZooEntry
from sim.frontends.zoo.models import MODELS
from sim.frontends.zoo.options import AROUND

if TYPE_CHECKING:
    from sim.graph.ir import Graph

__all__ = ["MODELS", "Accuracy", "Option", "Published", "ZooEntry", "build", "describe"]


def build(name: str, **options: Any) -> Graph:
    """The verified float32 graph of a model.

    Raises EdgesimError for an unknown name (with the near ones), an unknown option, or values no such network can have.
    """
    entry = MODELS[name]
    settings = entry.settings(options)
    from sim.frontends.zoo.net import Net

    file, function = entry.family.split(":")
    net = Net(name, normalise=bool(settings.get("normalise")))
    own = {key: value for key, value in settings.items() if key not in AROUND}
    try:
        outputs = getattr(import_module(f"{__name__}.{file}"), function)(net, **entry.fixed, **own)
        if settings.get("softmax"):
            outputs = net.add("Softmax", [outputs], {"axis": -1})
        graph = net.finish(*([outputs] if isinstance(outputs, str) else outputs))
    except ModelError as error:
        chosen = ", ".join(f"{key}={value}" for key, value in settings.items())
        raise EdgesimError(f"model {name!r} cannot be built with {chosen}: {error}") from error
    graph.notes |= {"source": f"zoo:{name}", "options": settings}
    if entry.accuracy and settings == entry.settings({}):
        graph.notes["accuracy"] = asdict(entry.accuracy)
    return graph


def describe(name: str, **options: Any) -> dict[str, Any]:
    """What is known of a model, as plain values.

    Keys: ``name``, ``title``, ``task``, ``inputs`` and ``outputs`` (tensor -> shape), ``parameters`` and ``macs`` (counted on the graph with these
    options), ``published`` (rows of :class:`~sim.frontends.zoo.entry.Published`), ``accuracy`` (None if nobody published it),
    ``accuracy_compressed`` (rows of :class:`~sim.frontends.zoo.published_accuracy.PublishedAccuracy`), ``options``, ``note``.
    """
    entry = MODELS[name]
    graph = build(name, **options)
    from sim.frontends.zoo.published_accuracy import published_accuracy
    from sim.graph.work import total_macs

    return {
        "name": name,
        "title": entry.title,
        "task": entry.task,
        "inputs": _shapes(graph, graph.inputs),
        "outputs": _shapes(graph, graph.outputs),
        "parameters": graph.parameters(),
        "macs": total_macs(graph),
        "published": [asdict(row) for row in entry.published],
        "accuracy": asdict(entry.accuracy) if entry.accuracy else None,
        "accuracy_compressed": [asdict(row) for row in published_accuracy(name)],
        "options": {key: {"default": option.default, "range": option.range, "help": option.help} for key, option in entry.options.items()},
        "note": entry.note,
    }


def _shapes(graph: Graph, names: list[str]) -> Mapping[str, tuple[int, ...]]:
    return {name: graph.tensors[name].shape for name in names}
