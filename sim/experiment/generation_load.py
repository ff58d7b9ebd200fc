"""How long a request keeps a language model busy at least, for the estimate of whether it can answer all that come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from device_models.compute import max_frequency_hz
from device_models.kernel_costs import kernel_seconds
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.compiler.served import ServedProgram
from sim.scenario.generation import Serving
from sim.scenario.stages import GenerateStage
from sim.workload.token_counts import mean_tokens


def least_seconds(stage: GenerateStage, serving: Serving, programs: Mapping[str, Program], directory: Path, device: DeviceSpec) -> float:
    """The larger of its share of the answers' steps and of its prompt; a step may do some of both.

    The steps are those of full batches, in which a token costs least. Of a prompt what others may have had before counts nothing, and a
    piece of it its share of a longer one, which costs less a token. ``programs``: ``decode``, with the costs of steps, ``draft``, the
    same of the model that proposes tokens, if one does, and ``prefill``, a prompt or a piece of one.
    """
    prompt, answer = mean_tokens(stage.prompt, directory), mean_tokens(stage.output, directory)
    tokens_a_step = 1.0 if serving.draft is None else serving.draft.expected_tokens()
    context = 1.0 if serving.kv_cache.when_full == "evict_oldest" else min(prompt + answer / 2, serving.context - 1.0)
    step_s = _token_s(programs["decode"], serving.max_batch, context, device)
    step_s += 0.0 if serving.draft is None else serving.draft.tokens * _token_s(programs["draft"], serving.max_batch, context, device)
    answer_s = answer * step_s / tokens_a_step
    reused = stage.prefix.tokens if stage.prefix is not None and serving.prefix_cache is not None and serving.prefix_cache.enabled else 0
    piece = min(prompt, serving.chunk or prompt)
    return max(answer_s, max(prompt - reused, 0.0) / piece * _seconds(programs["prefill"], device))


def _token_s(decode: Program, max_batch: int, context: float, device: DeviceSpec) -> float:
    """Of one request's token, alone or in a full batch, whichever is less."""
    alone_s = _seconds(decode, device)
    if max_batch == 1 or not isinstance(decode, ServedProgram) or decode.steps is None:
        return alone_s
    batch_s = 0.0
    for unit, terms in decode.steps.decode(max_batch, np.array([context])).items():
        highest_hz = max_frequency_hz(device, unit)
        batch_s += sum(float(term.at_rows([piece.seconds(highest_hz, 1.0)[0] for piece in term.pieces])[0]) for term in terms)
    return min(alone_s, batch_s / max_batch)


def _seconds(program: Program, device: DeviceSpec) -> float:
    return sum(part.entry_s + float(kernel_seconds(part.costs, max_frequency_hz(device, part.unit)).sum()) for part in program.segments)
