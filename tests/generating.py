"""A decoder made by hand, the times of whose steps can be worked out on paper, and scenarios that serve it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import synthetic

from device_models.spec import DeviceSpec
from device_models.work import KernelWork, Kind, Work
from sim.compiler.program import Kernels, Program
from sim.compiler.served import ServedProgram
from sim.compiler.step_costs import StepCosts, StepShape
from sim.runtime.deployment import Deployment
from sim.runtime.engine import Engine
from sim.scenario.model import Scenario
from sim.trace import Trace

WEIGHTS_S, TOKEN_S, CONTEXT_S, HEAD_S = 4e-3, 1e-3, 1e-5, 5e-4  # reading the weights, a token, a token of context for each token, a position of logits
KV_BYTES = 1000.0  # per token
SMALL = 0.25  # a draft takes so much of the target's times


def step_s(batch: int, tokens: int, contexts: float, heads: int | None = None) -> float:
    """A step of ``tokens`` of each of ``batch`` requests alone, at the highest clock; ``contexts``: the mean in their caches before."""
    each_s = TOKEN_S + CONTEXT_S * (contexts + (tokens + 1) / 2)
    return WEIGHTS_S + batch * tokens * each_s + HEAD_S * (batch if heads is None else heads)


def compile_step(unit: str, size: float, shape: StepShape, exponent: float = 1.0) -> Program:
    """What a compiler would make of a step: layers, attention, logits."""
    new = shape.batch * shape.tokens
    attention_s = CONTEXT_S * new * (shape.context + (shape.tokens + 1) / 2)
    costs = synthetic.costs(size * np.array([TOKEN_S * new, 0.0, HEAD_S * shape.batch]), size * np.array([WEIGHTS_S, attention_s, 0.0]), exponent=exponent)
    program = synthetic.program("decoder", synthetic.segment(unit, costs))
    return replace(program, kernels=Kernels(("body", "attention", "logits"), ("Dense", "Attention", "Dense"), Work.stack([KernelWork(Kind.CODE)] * 3)))


def decoder(name: str, unit: str = "cpu", size: float = 1.0, first_inference_s: float = 0.0, exponent: float = 1.0) -> tuple[ServedProgram, ServedProgram]:
    """The programs of its two phases."""
    steps = StepCosts(lambda shape: compile_step(unit, size, shape, exponent), synthetic.BANDWIDTH, {"cpu": 1e9, "npu": 1e9})
    phases = []
    for phase, shape in ((name, StepShape(1, 1, 1)), (f"{name}/prefill", StepShape(1, 64, 0))):
        program = replace(compile_step(unit, size, shape, exponent), name=phase, state_bytes=KV_BYTES, first_inference_s=first_inference_s)
        phases.append(ServedProgram(**vars(program), steps=steps, kv_bytes_per_token=KV_BYTES))
    return phases[0], phases[1]


def scenario(
    serving: Mapping[str, Any], stage: Mapping[str, Any], arrival: Mapping[str, Any], duration_s: float = 10.0, others: Mapping[str, Any] = {}, **more: Any
) -> Scenario:
    """One workload ``chat`` whose only stage generates; ``others``: further workloads."""
    chat = {"arrival": arrival, "pipeline": [{"name": "answer", "generate": "llm", **stage}], **more.pop("workload", {})}
    models = {"llm": {"source": "llm", "serving": serving}} | {name: {"source": name} for name in ("draft", "camera")}
    data = {"name": "generating", "device": "synthetic", "models": models, "workloads": {"chat": chat, **others}, "duration": f"{duration_s} s"}
    return Scenario.model_validate(data | more)


def engine(given: Scenario, on: DeviceSpec | None = None, *, reference: bool = False, draft_unit: str = "cpu", **more: Any) -> Engine:
    """An engine with the decoder as ``llm``, a smaller one as ``draft``, and a network of 10 ms on the CPU as ``camera``."""
    main, prefill = decoder("llm", **more)
    draft, draft_prefill = decoder("draft", draft_unit, SMALL)
    camera = synthetic.simple("camera", "cpu", 0.01, kernels=5)
    drafts = given.models["llm"].serving is not None and given.models["llm"].serving.draft is not None
    programs = (main, prefill, camera, *((draft, draft_prefill) if drafts else ()))
    roles = {"prefill": 1} | ({"draft": 3, "draft_prefill": 4} if drafts else {})
    stages = {name: [0 if name == "chat" else 2] for name in given.workloads}
    others = {name: [roles if name == "chat" else {}] for name in given.workloads}
    loads = tuple(None if "/" in program.name else True for program in programs)
    return Engine(given, on or synthetic.device(leakage_w=0.0), Deployment(programs, stages, loads, (), others), reference=reference)


def run(given: Scenario, on: DeviceSpec | None = None, **more: Any) -> Trace:
    return engine(given, on, **more).run()
