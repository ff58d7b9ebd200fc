"""How long a request keeps a language model busy at least, for the estimate of whether it can answer all that come."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from device_models.compute import max_frequency_hz
from device_models.kernel_costs import kernel_seconds
from device_models.spec import DeviceSpec
from sim.compiler.program import Program
from sim.scenario.generation import Serving
from sim.scenario.model import GenerateStage
from sim.workload.token_counts import mean_tokens


def least_seconds(stage: GenerateStage, serving: Serving, programs: Mapping[str, Program], directory: Path, device: DeviceSpec) -> float:
    """The larger of its share of the answers' steps and of its prompt; a step may do some of both.

    A step of a full batch takes at least as long as one of a single request, which reads the same weights. A prompt of which others may
    have had the beginning counts nothing. ``programs``: ``decode``, a step of one request, and ``prefill``, a prompt or a piece of one.
    """
    tokens_a_step = 1.0 if serving.draft is None else serving.draft.expected_tokens()
    answer_s = mean_tokens(stage.output, directory) * _seconds(programs["decode"], device) / (serving.max_batch * tokens_a_step)
    if stage.prefix is not None:
        return answer_s
    pieces = max(mean_tokens(stage.prompt, directory) / serving.chunk, 1.0) if serving.chunk else 1.0
    return max(answer_s, pieces * _seconds(programs["prefill"], device))


def _seconds(program: Program, device: DeviceSpec) -> float:
    return sum(part.entry_s + float(kernel_seconds(part.costs, max_frequency_hz(device, part.unit)).sum()) for part in program.segments)
