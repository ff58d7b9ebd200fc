"""Lowering: a runtime's visible list of passes, run in order over a graph."""

from __future__ import annotations

from sim.compiler.runtimes import Runtime, runtime
from sim.compiler.runtimes.spec import step_pass
from sim.errors import EdgesimError
from sim.graph.ir import Graph
from sim.passes import Pass, make_pass, run_passes
from sim.registry import near_names

AS_STORED = "as_stored"
# Others count on weights that stay as they are; batch norms are folded where nothing is trained (the others have operators of their own).
_WHILE_TRAINING = ("fold_batch_norm", "precision", "fuse_epilogue", "insert_casts", "dead_code")


def resolve_runtime(engine: Runtime | str) -> Runtime:
    """A runtime given by name or as itself."""
    return runtime(engine) if isinstance(engine, str) else engine


def pipeline_for(engine: Runtime | str, precision: str = AS_STORED, training: bool = False) -> tuple[Pass, ...]:
    """The passes a model goes through, in order; ``training``: those that a step of training does.

    Raises EdgesimError for a precision the runtime cannot make.
    """
    engine = resolve_runtime(engine)
    steps: list[Pass] = []
    for step in engine.pipeline:
        if step != "precision":
            steps.append(step_pass(step))
        elif precision != AS_STORED:
            steps.append(_conversion(engine, precision))
    return tuple(step for step in steps if not training or step.name in _WHILE_TRAINING)


def lower(
    graph: Graph,
    engine: Runtime | str,
    precision: str = AS_STORED,
    stop_after: str | None = None,
) -> Graph:
    """The graph as the runtime would run it; with ``stop_after``, as it is after the last pass of that name.

    Raises EdgesimError for a name that is not in the pipeline.
    """
    passes = pipeline_for(engine, precision, "training" in graph.notes)
    names = [step.name for step in passes]
    if stop_after is not None:
        if stop_after not in names:
            raise EdgesimError(f"no pass {stop_after!r} in the pipeline of {resolve_runtime(engine).name} for {precision}; {near_names(stop_after, names)}")
        passes = passes[: len(names) - names[::-1].index(stop_after)]
    return run_passes(graph, passes)


def _conversion(engine: Runtime, precision: str) -> Pass:
    rule = next((rule for name, rule in engine.precisions.items() if name == precision), None)
    if rule is None:
        raise EdgesimError(f"{engine.name} makes no {precision} models; {near_names(precision, (AS_STORED, *engine.precisions))}")
    options = {name: value for name, value in rule if value and name != "formats"}
    return make_pass("precision", {"to": rule.formats or precision, **options})
