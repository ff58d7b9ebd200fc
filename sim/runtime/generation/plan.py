"""Stages that generate: one server for each model, made when the first stage asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import numpy as np

from device_models.units import format_quantity
from sim.compiler.served import ServedProgram
from sim.errors import EdgesimError, Problem
from sim.policies.serving import SERVING
from sim.runtime.generation.batch import Batch
from sim.runtime.generation.blocks import KvBlocks
from sim.runtime.generation.log import GenerationLog
from sim.runtime.generation.models import ServedModel, ServingModels
from sim.runtime.generation.sequence import Sequence
from sim.runtime.generation.server import GenerationServer
from sim.runtime.generation.step_timings import StepTotals
from sim.runtime.plans import PlanAt, Planner, stage_plan
from sim.runtime.request import StagePlan, StageRun
from sim.scenario.generation import Serving
from sim.scenario.stages import GenerateStage
from sim.trace import ServingTotals
from sim.workload.streams import stream
from sim.workload.token_counts import accepted_counts, longest, mean_tokens, prefix_groups, token_counts


@stage_plan.register
def _generate(stage: GenerateStage, at: PlanAt, planner: Planner) -> StagePlan:
    assert at.main is not None
    serving = planner.models[stage.generate].serving or Serving()
    server = planner.generation.get(at.main) or _server(stage, serving, at, planner)
    _check_room(stage, serving, server, planner)
    server.totals.stages.append(at.index)
    sizes = Sizes(stage, serving, at, planner)
    server.draw.append(sizes.start)
    server.new_sequence[at.index] = sizes.sequence
    steps = round(mean_tokens(stage.output, planner.directory))
    run_s = server.models.alone_s(max(steps, 1))
    stages = planner.board.recorder.trace.stages
    stages.append(f"{stages[at.index]} prompt")  # behind those of the scenario: what a timeline tells apart
    server.prompts[at.index] = StagePlan(len(stages) - 1, (), (), None, 1, run_s)
    return StagePlan(at.index, (), (), None, 1, run_s, server=server)


def _server(stage: GenerateStage, serving: Serving, at: PlanAt, planner: Planner) -> GenerationServer:
    models = _models(serving, at, planner)
    page_bytes = models.kv_bytes_per_token * serving.kv_cache.page
    wanted = serving.max_batch * -(-serving.context // serving.kv_cache.page)
    budget = serving.kv_cache.budget_bytes
    free_bytes = max(planner.residency.free_bytes(), 0.0)
    total = int(float(budget) // page_bytes) if budget is not None else min(wanted, int(free_bytes // page_bytes))
    if budget is not None and total * page_bytes > free_bytes:
        what = (
            f"the cache of keys and values has a budget of {format_quantity(float(budget), 'bytes')}, "
            f"but the device has {format_quantity(free_bytes, 'bytes')} beside its models; lower the budget, or take smaller models"
        )
        raise EdgesimError(Problem(path=f"{stage.generate}.serving.kv_cache.budget", what=what))
    planner.residency.reserve(total * page_bytes)
    totals = ServingTotals(stage.generate, [], total * page_bytes)
    clock = planner.board.clock
    log = GenerationLog(planner.board.recorder.trace, clock, totals, planner.warmup_s)

    def grown(blocks: int) -> None:
        planner.residency.grow(blocks * page_bytes)
        log.cache(blocks * page_bytes)

    blocks = KvBlocks(total, serving.kv_cache.page, grown)
    batch = Batch(serving, SERVING[serving.scheduling](), blocks, lambda: clock.now)
    server = planner.generation[cast(int, at.main)] = GenerationServer(clock, planner.residency, batch, models, log)
    planner.servers.append(server)
    return server


def _models(serving: Serving, at: PlanAt, planner: Planner) -> ServingModels:
    numbers = planner.numbers.__next__

    def model(decode: int, prefill: int) -> ServedModel:
        instance = planner.instances[decode]
        assert instance is not None
        return ServedModel(cast(ServedProgram, planner.program(decode)), cast(ServedProgram, planner.program(prefill)), decode, prefill, instance)

    def count_on(unit: str, totals: StepTotals) -> None:
        planner.timings.append((unit, totals))  # type: ignore[arg-type]  # what the totals of a run ask for it has

    target = model(cast(int, at.main), at.others["prefill"])
    draft = None if serving.draft is None else model(at.others["draft"], at.others["draft_prefill"])
    return ServingModels(planner.board, target, draft, 0 if serving.draft is None else serving.draft.tokens, numbers, count_on)


def _check_room(stage: GenerateStage, serving: Serving, server: GenerationServer, planner: Planner) -> None:
    """Raise EdgesimError if the cache cannot hold one request of the stage."""
    prompt = longest(stage.prompt, planner.directory) or serving.context
    output = longest(stage.output, planner.directory) or serving.context
    ahead = 0 if serving.draft is None else serving.draft.tokens
    keeps = serving.kv_cache.when_full != "evict_oldest"
    tokens = (
        min(prompt + output, serving.context) + ahead if keeps else min(prompt, serving.context) + serving.kv_cache.sink + 2 * serving.kv_cache.page + ahead
    )
    blocks = server.batch.blocks
    if blocks.needed(tokens) <= blocks.total:
        return
    size = server.models.kv_bytes_per_token
    what = (
        f"the cache of keys and values has room for {blocks.total * blocks.page} tokens ({format_quantity(blocks.total * blocks.page * size, 'bytes')}), "
        f"but one request takes up to {tokens} ({format_quantity(blocks.needed(tokens) * blocks.page * size, 'bytes')}); "
        "raise kv_cache.budget, take a smaller format or model, or shorten prompts and answers"
    )
    raise EdgesimError(Problem(path=f"{stage.generate}.serving.kv_cache", what=what))


class Sizes:
    """Draws for one stage how long each prompt and answer is, in the order in which requests come; each quantity has its own random stream."""

    def __init__(self, stage: GenerateStage, serving: Serving, at: PlanAt, planner: Planner) -> None:
        self._stage, self._serving, self._planner = stage, serving, planner
        self._name = f"{at.workload}/{at.index}"
        self._base = at.index << 41 if stage.prefix is not None and serving.prefix_cache is not None else 0
        self._prompts: Iterator[int] = iter(())
        self._outputs: Iterator[int] = iter(())
        self._groups: Iterator[int] = iter(())
        self._accepted = np.random.default_rng(0)

    def start(self, seed: int) -> None:
        """The run begins."""
        directory, name = self._planner.directory, self._name
        self._prompts = token_counts(self._stage.prompt, stream(seed, f"prompt/{name}"), directory)
        self._outputs = token_counts(self._stage.output, stream(seed, f"output/{name}"), directory)
        self._accepted = stream(seed, f"accepted/{name}")
        if self._stage.prefix is not None:
            self._groups = prefix_groups(self._stage.prefix, stream(seed, f"prefix/{name}"))

    def sequence(self, run: StageRun) -> Sequence:
        """Of the next request. What does not fit the context is cut: prompts to leave room for a token, answers to what is left."""
        context = self._serving.context
        prompt, output = min(next(self._prompts), context - 1), next(self._outputs)
        if self._serving.kv_cache.when_full != "evict_oldest":
            output = min(output, context - prompt)
        group, shared = -1, 0
        if self._stage.prefix is not None:
            found, shared = next(self._groups), self._stage.prefix.tokens
            cache = self._serving.prefix_cache
            if found >= 0 and cache is not None and cache.enabled:
                group = self._base + found
        draft = self._serving.draft
        accepted = None if draft is None else accepted_counts(draft, self._accepted, output)
        return Sequence(run, prompt, output, group, shared, accepted)
