"""The programs of stages that generate: a decoder of the zoo with the costs of its steps, and its draft."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from device_models.compute import max_frequency_hz
from sim.compiler import compile_model
from sim.compiler.program import MemoryPlan, Program
from sim.compiler.served import ServedProgram
from sim.compiler.shortened_steps import ShortenedSteps
from sim.compiler.step_costs import StepCosts, StepShape
from sim.errors import EdgesimError, Problem
from sim.experiment.compiled import compiled_for
from sim.experiment.programs import Programs, StageAt, StagePrograms, model_graph, stage_programs
from sim.experiment.training import training_placement
from sim.frontends.zoo import MODELS
from sim.graph.ir import Graph
from sim.scenario.generation import Serving
from sim.scenario.model import ModelUse
from sim.scenario.stages import GenerateStage
from sim.workload.token_counts import longest, mean_tokens

_FAMILY = "llama:decoder"  # of the zoo: those whose phases, contexts and caches are options
_KEPT = 8  # models whose steps are remembered
_known: dict[str, StepCosts] = {}  # by what their costs depend on, the least recently used first
_OWN = ("phase", "sequence", "context", "batch", "capacity", "kv_cache")  # options that serving sets


@stage_programs.register
def _generate(stage: GenerateStage, at: StageAt, programs: Programs) -> StagePrograms:
    served = DecoderPrograms(programs, stage, stage.generate)
    main = served.decode()
    others = {"prefill": served.prefill()}
    if served.serving.draft is not None:
        draft = DecoderPrograms(programs, stage, served.serving.draft.model, served)
        others |= {"draft": draft.decode(), "draft_prefill": draft.prefill()}
    return StagePrograms(main, others)


class DecoderPrograms:
    """Programs of one decoder for a stage. ``target``: those of the model it drafts for, if it is a draft."""

    def __init__(self, programs: Programs, stage: GenerateStage, name: str, target: DecoderPrograms | None = None) -> None:
        self._programs, self._stage, self.name, self._target = programs, stage, name, target
        self._use: ModelUse = programs.loaded.scenario.models[name]
        self.serving: Serving = target.serving if target is not None else self._use.serving or Serving()
        self._device = programs.loaded.device
        self._failed = False  # its mistakes have been reported for the step of an answer

    def decode(self) -> int:
        """The position of the program that stands for a step of an answer, and holds the model in memory."""
        return self._programs.add(self.name, self._use.load == "at_start", ("models", self.name), self._decode)

    def prefill(self) -> int:
        """The position of the program that stands for a prompt; it takes no memory of its own."""
        return self._programs.add(f"{self.name}/prefill", None, ("models", self.name), self._prefill)

    def _decode(self) -> ServedProgram:
        self._failed = True
        program = self._decode_program()
        self._failed = False
        return program

    def _decode_program(self) -> ServedProgram:
        if problems := self._problems():
            raise EdgesimError(problems)
        context = max(min(round(self._mean_prompt() + self._mean_output() / 2), self.serving.context - 1), 1)
        program = self._compiled(StepShape(1, 1, context), self.serving.context)
        self._check_draft(program)
        largest = [
            self._compiled(shape, self.serving.context).plan for shape in (StepShape(self.serving.max_batch, 1, context), StepShape(1, self._longest(), 0))
        ]
        plan = max((program.plan, *largest), key=lambda found: found.arena_bytes)
        steps = self._steps()
        return served(replace(program, plan=plan), steps, program.state_bytes / self.serving.context)

    def _prefill(self) -> ServedProgram:
        if self._failed:
            raise EdgesimError([])
        tokens = max(min(round(self._mean_prompt()), self.serving.chunk or self.serving.context), 1)
        program = self._compiled(StepShape(1, tokens, 0), self.serving.context)
        bare = replace(program, name=f"{self.name}/prefill", plan=MemoryPlan((), 0, 0), weights_bytes=0.0, storage_bytes=0.0, working_bytes=0.0)
        return served(bare, None, 0.0)

    def _steps(self) -> StepCosts:
        """Those of an earlier scenario of this process if all that prices them is the same: sweeps compile each step once."""
        loaded, use = self._programs.loaded, self._use.model_copy(update={"serving": None, "load": "at_start"})
        parts = (use.model_dump_json(), self.serving.kv_cache.format, compiled_for(loaded.device, use), loaded.scenario.runtime, str(loaded.directory))
        key = hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
        bandwidth_bytes_per_s = float(self._device.memory.bandwidth_bytes_per_s)
        shortened = ShortenedSteps(self._step_graph, self._compiled_graph, bandwidth_bytes_per_s, self._highest_hz())
        found = _known.pop(key, None) or StepCosts(shortened, bandwidth_bytes_per_s, self._highest_hz())
        _known[key] = found
        while len(_known) > _KEPT:
            _known.pop(next(iter(_known)))
        return found

    def _step_graph(self, shape: StepShape) -> Graph:
        return self._graph(shape, self.serving.context + shape.context + shape.tokens)

    def _compiled(self, shape: StepShape, capacity: int) -> Program:
        return self._programs.compiled(self._step(shape, capacity), self.name)

    def _graph(self, shape: StepShape, capacity: int) -> Graph:
        return model_graph(self._programs.loaded, self._step(shape, capacity), self.name)

    def _step(self, shape: StepShape, capacity: int) -> ModelUse:
        """The model as it is for one step."""
        phase = {"phase": "decode"} if shape.tokens == 1 else {"phase": "prefill", "sequence": shape.tokens}
        kv_cache = self.serving.kv_cache.format
        options = {**self._use.options, **phase, "batch": shape.batch, "context": shape.context, "capacity": capacity, "kv_cache": kv_cache}
        return self._use.model_copy(update={"options": options})

    def _compiled_graph(self, graph: Graph, weights_elsewhere: Mapping[str, float] | None = None) -> Program:
        use, loaded = self._use, self._programs.loaded
        runtime, placement = use.runtime or loaded.scenario.runtime, training_placement(use, loaded.device)
        return compile_model(
            graph,
            loaded.device,
            runtime=runtime,
            precision=use.precision,
            placement=placement,
            threads=use.threads,
            name=self.name,
            weights_elsewhere=weights_elsewhere,
        )

    def _highest_hz(self) -> dict[str, float]:
        return {unit: max_frequency_hz(self._device, unit) for unit in self._device.units}

    def _mean_prompt(self) -> float:
        return mean_tokens(self._stage.prompt, self._programs.loaded.directory)

    def _mean_output(self) -> float:
        return mean_tokens(self._stage.output, self._programs.loaded.directory)

    def _longest(self) -> int:
        """The most tokens of a prompt that are computed at once."""
        most = longest(self._stage.prompt, self._programs.loaded.directory) or self.serving.context
        return max(min(most, self.serving.chunk or most, self.serving.context - 1), 1)

    def _problems(self) -> list[Problem]:
        """Why the model cannot generate."""
        source, name = self._use.source or "", self.name
        problems = []
        if source not in MODELS or MODELS[source].family != _FAMILY:
            what = f"model {name!r} cannot generate: only decoders of the zoo can (text generation in `edgesim models`), for steps of any length"
            problems.append(Problem(path="source", what=what))
        problems += [
            Problem(path=f"options.{key}", what=f"{key} of model {name!r} is set by its serving; leave it out") for key in _OWN if key in self._use.options
        ]
        if self._programs.loaded.scenario.memory.weights == "paged":
            problems.append(Problem(what=f"model {name!r} generates: its weights cannot be paged; give memory: {{weights: resident}}"))
        return problems

    def _check_draft(self, program: Program) -> None:
        """Raise EdgesimError for a draft that is no smaller than this model."""
        if self._target is not None or self.serving.draft is None:
            return
        draft = DecoderPrograms(self._programs, self._stage, self.serving.draft.model, self)
        if draft._problems():  # reported where the draft stands
            return
        parameters = draft._compiled(StepShape(1, 1, 1), self.serving.context).parameters
        if parameters >= program.parameters:
            what = (
                f"draft {draft.name!r} is no smaller than {self.name!r}, which verifies it: {parameters:.4g} parameters against {program.parameters:.4g}; "
                "take a smaller model, or do without a draft"
            )
            raise EdgesimError(Problem(path="serving.draft.model", what=what))


def served(program: Program, steps: StepCosts | None, kv_bytes_per_token: float) -> ServedProgram:
    """The program as one that serves."""
    return ServedProgram(**vars(program), steps=steps, kv_bytes_per_token=kv_bytes_per_token)
