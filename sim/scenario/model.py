"""The scenario as typed, frozen objects. A field here declares its YAML key, unit, range, help text and JSON Schema at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from device_models.battery_spec import Ohm
from device_models.figure import Figure, Quantity
from sim.scenario.accuracy import AccuracyUse
from sim.scenario.adaptive import CacheUse, HeadExit, LastExit, PartUse, SelectUse, StageExit, exit_problems
from sim.scenario.batching import AdmissionChoice, Batching, Spread, UnitPool
from sim.scenario.charging import Charging
from sim.scenario.compression import CompressionStep
from sim.scenario.generation import Serving, SharedPrefix, TokenChoice
from sim.scenario.loadgen import LoadGen
from sim.scenario.lowering import Placement as Placement
from sim.scenario.lowering import Precision as Precision
from sim.scenario.optimize import OptimizeUse
from sim.scenario.part import ByteCount, Name, Part, PositiveTime, Probability, SmallCount, Time, Whole
from sim.scenario.training import TrainingUse

Rate = Annotated[Figure, Quantity("frequency", gt=0, le=1e9)]
Temperature = Annotated[Figure, Quantity("temperature", ge=-100, le=200)]
Operations = Annotated[Figure, Quantity("count", ge=0, le=1e18)]
RadioName = Annotated[Name, Field(max_length=40)]


class ModelUse(Part):
    """A network and how it is lowered: from a file, the built-in zoo, or a short list of layers."""

    source: str | None = Field(default=None, description="a zoo name (see `edgesim models`) or an .onnx, .tflite or .param file, relative to the scenario")
    layers: tuple[dict[str, Any], ...] | None = Field(default=None, description="a model written here: a list of layers, each {op: ..., options}")
    input: dict[str, Any] | None = Field(default=None, description="with layers: {shape: [1, 3, 32, 32], dtype: float32}")
    options: dict[str, Any] = Field(default_factory=dict, description="options of a zoo model, such as {width: 0.5, resolution: 160}")
    shapes: dict[str, SmallCount] = Field(default_factory=dict, description="values of symbolic dimensions, such as {batch: 1, sequence: 128}")
    compress: tuple[CompressionStep, ...] = Field(default=(), description="techniques applied in order before the runtime: [{quantize: {to: int8}}, ...]")
    accuracy: AccuracyUse | None = Field(default=None, description="measure it on data of yours, in ONNX Runtime: {dataset: file.npz, metric: top1}")
    training: TrainingUse | None = Field(default=None, description="one run is one step of training on the device: {optimizer: sgd, batch: 16}")
    precision: Precision = Field(
        default="as_stored",
        description="number format the runtime's converter gives the model; a16: activations of 16-bit integers, or floats where it has no such kernels",
    )
    runtime: Name | None = Field(default=None, description="inference engine, see `edgesim runtimes`; the scenario's or the device's default if absent")
    placement: Placement = Placement()
    threads: SmallCount | None = Field(default=None, description="CPU threads; the unit's cores if absent")
    unknown_operators: Literal["error", "warn"] = Field(default="error", description="warn: an unknown operator runs as a generic data mover")
    load: Literal["at_start", "on_demand"] = Field(default="at_start", description="when weights are read from storage into memory")
    serving: Serving | None = Field(
        default=None, description="how a language model serves stages that generate: {max_batch: 8, context: 4096, kv_cache: {...}}"
    )
    part: PartUse | None = Field(default=None, description="only a part of the model: {from: TENSOR_OR_OPERATOR, until: TENSOR_OR_OPERATOR}")
    exits: tuple[HeadExit, ...] = Field(default=(), max_length=50, description="early exits: [{after: OPERATOR, head: [layers], probability: 0.4}, ...]")
    last: LastExit = Field(default=LastExit(), description="with exits: what is known of the answers at the end")

    @model_validator(mode="after")
    def _adapts(self) -> ModelUse:
        whole = [key for key in ("training", "accuracy", "serving") if getattr(self, key) is not None]
        if (self.exits or self.part) and whole:
            raise ValueError(f"{whole[0]} goes with a whole model: not with part or exits")
        if self.exits and (problem := exit_problems(self.exits, self.last)):
            raise ValueError(problem)
        if not self.exits and self.last != LastExit():
            raise ValueError("last is for a model with exits")
        return self

    @model_validator(mode="after")
    def _one_origin(self) -> ModelUse:
        if (self.source is None) == (self.layers is None):
            raise ValueError("give either source (a zoo name or a file) or layers, not both")
        if self.training is not None and self.precision not in ("as_stored", "float32", "float16"):
            raise ValueError(f"training computes in float: precision {self.precision} does not go with it; take float32 or float16")
        return self


class Periodic(Part):
    """Requests at a fixed rate; each comes later than it is due by a uniform jitter of at most ``jitter``, and never overtakes the one before."""

    kind: Literal["periodic"] = "periodic"
    rate_hz: Rate = Field(alias="rate", description="requests per second, such as 30 Hz or 30 fps")
    jitter_s: Time = Field(default=Figure(0.0), alias="jitter", description="the most a request comes late; each delay is uniform between 0 and this")
    offset_s: Time = Field(default=Figure(0.0), alias="offset", description="time of the first request after the workload's start")


class Poisson(Part):
    """A Poisson process: requests at random, independent moments."""

    kind: Literal["poisson"] = "poisson"
    rate_hz: Rate = Field(alias="rate", description="mean requests per second")


class Closed(Part):
    """A closed loop: each of ``clients`` sends its next request ``think`` after the last answer."""

    kind: Literal["closed"] = "closed"
    clients: Annotated[Whole, Field(ge=1, le=100_000)] = Field(default=1, description="how many wait for an answer at once")
    think_s: Time = Field(default=Figure(0.0), alias="think", description="pause of a client between an answer and its next request")


class TraceArrivals(Part):
    """Arrival times from a CSV file with a header; the column holds seconds from the start."""

    kind: Literal["trace"] = "trace"
    file: str = Field(description="CSV file, relative to the scenario")
    column: str = Field(default="time_s", description="the column with the times: seconds, ascending")
    loop: bool = Field(default=False, description="repeat the times until the run ends, each round one mean gap after the last time")


Arrival = Annotated[Periodic | Poisson | Closed | TraceArrivals, Field(discriminator="kind")]


class CodeWork(Part):
    """A user's own stage: arithmetic operations and bytes moved, on the named unit."""

    operations: Operations = Field(default=Figure(0.0), description="arithmetic operations of one run (a multiply-add counts two), such as 2 M")
    bytes: ByteCount = Field(default=Figure(0.0), description="bytes read and written in memory by one run, such as 1.5 MB")


class _Stage(Part):
    name: Name | None = Field(default=None, description="the model's or the radio's name if absent")
    after: tuple[Name, ...] | None = Field(default=None, description="names of the stages it waits for; the stage before it if absent")
    probability: Probability = Field(default=Figure(1.0), description="a request enters this stage (and what follows only from it) with this probability")
    repeat: Annotated[Whole, Field(ge=1, le=1_000_000)] = Field(default=1, description="runs in sequence, such as tokens of a decoder")
    exit: StageExit | None = Field(default=None, description="leave when sure: {rate: 70 %}, or {trace: FILE, column: confidence, threshold: 0.8}")
    unless: tuple[Name, ...] = Field(default=(), description="left out when one of these stages was sure (exit), had a result (cache) or was left out so")


class ModelStage(_Stage):
    """A stage that runs one of the scenario's models."""

    model: Name = Field(description="one of the scenario's models")
    batching: Batching | None = Field(default=None, description="requests of this model run together: {max_size: 8, max_delay: 5 ms}")
    units: UnitPool = Field(default=(), description="a replica on each of these units, with one queue: [gpu, npu]; where the model's placement says if absent")
    admission: AdmissionChoice | None = Field(default=None, description="who may join the queue of batching or units, see `edgesim policies`; all if absent")

    @model_validator(mode="after")
    def _has_a_queue(self) -> ModelStage:
        if self.admission is not None and self.batching is None and not self.units:
            raise ValueError("admission: only a stage with batching or units has a queue of its own; give it one of them, or the workload the admission")
        return self


class CodeStage(_Stage):
    """A stage of the user's own code: pre- or post-processing."""

    work: CodeWork = Field(description="how much the code computes and moves: {operations: 2 M, bytes: 1.5 MB}")
    unit: Name = Field(default="cpu", description="unit name or kind")
    units: UnitPool = Field(default=(), description="instead of unit: any of these units, with one queue: [cpu_big, cpu_little]")
    spread: Spread | None = Field(default=None, description="how the work of single runs scatters: {kind: gamma, cv: 0.5}; all alike if absent")
    admission: AdmissionChoice | None = Field(default=None, description="who may join the queue of units, see `edgesim policies`; all if absent")

    @model_validator(mode="after")
    def _one_place(self) -> CodeStage:
        if self.units and "unit" in self.model_fields_set:
            raise ValueError("give either unit or units, not both")
        if self.admission is not None and not self.units:
            raise ValueError("admission: only a stage with units has a queue of its own; give it units, or the workload the admission")
        return self


class RadioStage(_Stage):
    """A stage that sends and receives by a radio: first what is sent, then what is received."""

    radio: Name = Field(description="one of the radios of the scenario or its device")
    send_bytes: ByteCount = Field(default=Figure(0.0), alias="send", description="what is sent, such as 20 kB")
    receive_bytes: ByteCount = Field(default=Figure(0.0), alias="receive", description="what is received after it, such as 200 B")

    @model_validator(mode="after")
    def _moves_something(self) -> RadioStage:
        if not (self.send_bytes or self.receive_bytes):
            raise ValueError("a radio stage sends or receives something; give it send or receive, such as send: 20 kB")
        return self


class SelectStage(_Stage):
    """A stage that runs one of several models, chosen when the request comes to it."""

    select: SelectUse = Field(description="how the model is chosen: {policy: by_battery, among: [big, small], thresholds: [30 %]}")


class CacheStage(_Stage):
    """A stage that looks for a result kept before: where there is one the request leaves, or what names the stage in ``unless`` is left out."""

    cache: CacheUse = Field(description="what is kept and how much: {size: 1000, entry: 2 kB, key: {zipf: 1.0, items: 10000}}")
    lookup_s: Time | None = Field(default=None, alias="lookup", description="time of one lookup that keeps no unit busy")
    work: CodeWork | None = Field(default=None, description="instead of lookup: what one lookup computes and moves: {operations: 20 k, bytes: 4 kB}")
    unit: Name = Field(default="cpu", description="unit name or kind that does the work")

    @model_validator(mode="after")
    def _one_cost(self) -> CacheStage:
        if (self.lookup_s is None) == (self.work is None):
            raise ValueError("a cache stage has either lookup (a time) or work")
        if self.exit is not None:
            raise ValueError("exit: a request leaves a cache when it finds a result; give exit to a stage that answers")
        if self.repeat > 1:
            raise ValueError("repeat: a request looks for its result once")
        return self


class GenerateStage(_Stage):
    """A stage in which a language model reads a prompt and writes an answer, token by token, beside the other requests of its batch."""

    generate: Name = Field(description="one of the scenario's models, a decoder of the zoo; its serving section says how it serves")
    prompt: TokenChoice = Field(description="tokens of the prompt: 258, or {kind: uniform, lognormal or trace, ...}")
    output: TokenChoice = Field(description="tokens of the answer: 128, or {kind: uniform, lognormal or trace, ...}")
    prefix: SharedPrefix | None = Field(default=None, description="what prompts have in common: {tokens: 200, groups: 10, zipf: 1}")

    @model_validator(mode="after")
    def _once(self) -> GenerateStage:
        if self.repeat > 1:
            raise ValueError("repeat: an answer has as many steps as output says; give the stage once")
        return self


def _stage_tag(raw: Any) -> str:
    keys = raw if isinstance(raw, dict) else getattr(raw, "__dict__", {})
    # unlike any key, so that error locations stay unambiguous
    named = {"model": "model stage", "radio": "radio stage", "select": "select stage", "cache": "cache stage", "generate": "generate stage"}
    return next((tag for key, tag in named.items() if key in keys), "code stage")


Stage = Annotated[
    Annotated[ModelStage, Tag("model stage")]
    | Annotated[CodeStage, Tag("code stage")]
    | Annotated[RadioStage, Tag("radio stage")]
    | Annotated[SelectStage, Tag("select stage")]
    | Annotated[CacheStage, Tag("cache stage")]
    | Annotated[GenerateStage, Tag("generate stage")],
    Discriminator(_stage_tag),
]


def default_name(keys: Any) -> str | None:
    """What a stage with these keys is called where it is given no name: its model's or radio's name, or its kind's."""
    found = keys if isinstance(keys, dict) else {}
    named = (found.get(key) for key in ("model", "radio", "generate"))
    return next((name for name in named if isinstance(name, str)), next((key for key in ("select", "cache") if found.get(key) is not None), None))


def stage_names(names: Sequence[str | None], runs: Sequence[str | None]) -> tuple[str, ...]:
    """The name of each stage of a pipeline: its own, else its model's or radio's, else ``code``; a default that is taken gets its position."""
    taken = {name for name in names if name}
    result: list[str] = []
    for position, (name, run) in enumerate(zip(names, runs, strict=True)):
        chosen = name or run or "code"
        while not name and chosen in taken:
            chosen = f"{chosen}_{position}"
        taken.add(chosen)
        result.append(chosen)
    return tuple(result)


class Queue(Part):
    """How many requests of a workload may wait or run at once, and what happens to one too many."""

    limit: SmallCount | None = Field(default=None, description="requests that wait or run; no limit if absent")
    when_full: Literal["drop_new", "drop_oldest"] = Field(default="drop_new", description="which request is dropped when one more arrives")


class Workload(Part):
    """A stream of requests; each runs the pipeline once."""

    arrival: Arrival | None = Field(default=None, description="when requests arrive: kind periodic, poisson, closed or trace")
    loadgen: LoadGen | None = Field(default=None, description="instead of arrival: a scenario of MLPerf LoadGen: SingleStream, MultiStream, Server or Offline")
    pipeline: tuple[Stage, ...] = Field(min_length=1, description="stages of one request, each after the one before unless it says otherwise")
    deadline_s: PositiveTime | None = Field(default=None, alias="deadline", description="time from arrival to the end of the last stage; later is a miss")
    priority: Whole = Field(default=0, ge=-1000, le=1000, description="higher runs first under priority scheduling")
    queue: Queue = Field(default=Queue(), description="limit of waiting requests")
    admission: AdmissionChoice | None = Field(default=None, description="which requests are let in at all, see `edgesim policies`; all if absent")
    drop_late: bool = Field(default=False, description="drop a request whose deadline passed before it began to run")
    start_s: Time = Field(default=Figure(0.0), alias="start", description="when the stream begins, from the start of the run")
    count: SmallCount | None = Field(default=None, description="at most so many requests")

    def stage_names(self) -> tuple[str, ...]:
        """The name of each stage, see :func:`stage_names`."""
        return stage_names([stage.name for stage in self.pipeline], [default_name(vars(stage)) for stage in self.pipeline])

    def stage_dependencies(self) -> tuple[tuple[int, ...], ...]:
        """For each stage the positions of the stages it waits for: those in ``after``, else the one before it."""
        position = {name: index for index, name in enumerate(self.stage_names())}
        before: list[tuple[int, ...]] = [(index - 1,) if index else () for index in range(len(self.pipeline))]
        return tuple(before[index] if stage.after is None else tuple(position[name] for name in stage.after) for index, stage in enumerate(self.pipeline))


class MemoryUse(Part):
    """What happens when models and caches exceed the device's memory."""

    weights: Literal["resident", "paged"] = Field(
        default="resident", description="paged: weights that do not fit are streamed from storage in every run, those of the next kernel while one runs"
    )
    when_full: Literal["error", "evict"] = Field(default="error", description="evict: the least recently used model is reloaded from storage when needed")


class BatteryUse(Part):
    """The battery of this run: the device's own, a cell of the catalogue, or either with changed values."""

    cell: Name | None = Field(default=None, description="a cell of the catalogue instead of the device's own battery, such as cr2032")
    initial: Annotated[Figure, Quantity("ratio", gt=0, le=1)] = Field(default=Figure(1.0), description="state of charge at the start, such as 80 %")
    capacity_c: Annotated[Figure, Quantity("charge", gt=0)] | None = Field(default=None, alias="capacity", description="such as 5000 mAh")
    resistance_ohm: Ohm | None = Field(default=None, alias="resistance", description="internal, such as 80 mohm")
    cutoff_v: Annotated[Figure, Quantity("voltage", gt=0)] | None = Field(
        default=None, alias="cutoff_voltage", description="below it the device switches off, such as 3 V"
    )


class Budgets(Part):
    """Limits the run is judged by; any left out is not judged. Latencies are of the worst workload unless ``per`` names one."""

    latency_p50_s: PositiveTime | None = Field(default=None, alias="latency_p50", description="median latency, at most")
    latency_p90_s: PositiveTime | None = Field(default=None, alias="latency_p90", description="90th percentile, at most")
    latency_p95_s: PositiveTime | None = Field(default=None, alias="latency_p95", description="95th percentile, at most")
    latency_p99_s: PositiveTime | None = Field(default=None, alias="latency_p99", description="99th percentile, at most")
    latency_p999_s: PositiveTime | None = Field(default=None, alias="latency_p999", description="99.9th percentile, at most")
    latency_max_s: PositiveTime | None = Field(default=None, alias="latency_max", description="slowest request, at most")
    ttft_p99_s: PositiveTime | None = Field(default=None, alias="ttft_p99", description="time to the first token of answers, 99th percentile, at most")
    inter_token_p99_s: PositiveTime | None = Field(default=None, alias="inter_token_p99", description="time between tokens, 99th percentile, at most")
    tokens_per_s: Rate | None = Field(default=None, description="tokens per second of an answer in the median, at least")
    throughput_hz: Rate | None = Field(default=None, alias="throughput", description="requests answered per second, at least")
    power_w: Annotated[Figure, Quantity("power", gt=0)] | None = Field(default=None, alias="power", description="average of the run, at most")
    energy_per_inference_j: Annotated[Figure, Quantity("energy", gt=0)] | None = Field(
        default=None, alias="energy_per_inference", description="the run's energy by its finished requests, at most"
    )
    skin_temperature_c: Temperature | None = Field(default=None, alias="skin_temperature", description="peak of the case, at most")
    die_temperature_c: Temperature | None = Field(default=None, alias="die_temperature", description="peak of the hottest node, at most")
    memory_bytes: ByteCount | None = Field(default=None, alias="memory", description="peak, at most")
    storage_bytes: ByteCount | None = Field(default=None, alias="storage", description="all models together, at most")
    accuracy: Probability | None = Field(default=None, description="top-1 or the model's own metric, at least; unknown fails")
    miss_rate: Probability | None = Field(default=None, description="share of requests later than their deadline, at most")
    drop_rate: Probability | None = Field(default=None, description="share of requests that were dropped, at most")
    battery_life_s: PositiveTime | None = Field(default=None, alias="battery_life", description="at the run's powers, without charging, at least")
    per: dict[Name, Budgets] = Field(default_factory=dict, description="budgets of single workloads: {camera: {latency_p99: 33 ms}}")


def _device_tag(raw: Any) -> str:
    return "device with changes" if isinstance(raw, dict) else "device name"


def _radio_tag(raw: Any) -> str:
    return "radio with changes" if isinstance(raw, dict) else "radio name"


def _scheduler_tag(raw: Any) -> str:
    return "policy per unit" if isinstance(raw, dict) else "one policy"


def _governor_tag(raw: Any) -> str:
    return "governor with tunables" if isinstance(raw, dict) else "governor"


class Tuned(BaseModel):
    """A policy by its name, and values of its tunables."""

    model_config = ConfigDict(frozen=True, extra="allow")

    name: Name

    @property
    def tunables(self) -> dict[str, Any]:
        """Tunable -> value as written; the policy reads them."""
        return dict(self.model_extra or {})


GovernorChoice = Annotated[Annotated[Name, Tag("governor")] | Annotated[Tuned, Tag("governor with tunables")], Discriminator(_governor_tag)]


def tuned(choice: str | Tuned) -> Tuned:
    """A choice of policy with its tunables, whichever way it was written."""
    return Tuned(name=choice) if isinstance(choice, str) else choice


class ThermalUse(BaseModel):
    """The thermal governor of the device's trip points, and values of its tunables."""

    model_config = ConfigDict(frozen=True, extra="allow")

    governor: Name | None = Field(default=None, description="thermal governor, see `edgesim policies`; each trip point's own if absent")
    node: Name | None = Field(default=None, description="only for trip points of this thermal node; for all if absent")

    @property
    def tunables(self) -> dict[str, Any]:
        """Tunable -> value as written; the governor reads them."""
        return dict(self.model_extra or {})


DeviceChoice = Annotated[Annotated[str, Tag("device name")] | Annotated[dict[str, Any], Tag("device with changes")], Discriminator(_device_tag)]
RadioChoice = Annotated[Annotated[Name, Tag("radio name")] | Annotated[dict[str, Any], Tag("radio with changes")], Discriminator(_radio_tag)]
SchedulerChoice = Annotated[Annotated[Name, Tag("one policy")] | Annotated[dict[Name, Name], Tag("policy per unit")], Discriminator(_scheduler_tag)]


class Scenario(Part):
    """One experiment: a device, its models, the requests that reach it, policies, and the budgets it is judged by."""

    name: Name = Field(description="a short name; results are filed under it")
    description: str = Field(default="", description="what the scenario shows")
    device: DeviceChoice = Field(description="a catalogue name, a path to a device file, or {base: NAME, ...changed fields}")
    runtime: Name | None = Field(default=None, description="inference engine of models that name none; the device's default if absent")
    models: dict[Name, ModelUse] = Field(default_factory=dict, description="the networks by a name of your own, for the stages to refer to")
    workloads: dict[Name, Workload] = Field(min_length=1, description="streams of requests by a name of your own")
    duration_s: PositiveTime = Field(alias="duration", description="simulated time, such as 60 s or 10 min")
    warmup_s: Time = Field(default=Figure(0.0), alias="warmup", description="requests that arrive earlier do not count in the metrics")
    ambient_c: Temperature | None = Field(default=None, alias="ambient", description="the device's default (25 degC) if absent")
    seed: Whole = Field(default=0, ge=0, lt=2**63, description="of all random numbers; the same seed gives the same result")
    scheduler: SchedulerChoice = Field(default="fifo", description="policy of every unit, or {unit: policy, default: policy}")
    preemption: bool = Field(default=False, description="a more urgent request takes over at the next kernel border")
    governors: dict[Name, GovernorChoice] = Field(
        default_factory=dict, description="DVFS domain -> governor, or {name: governor, tunable: value}; the device's own if absent"
    )
    thermal: ThermalUse = Field(default=ThermalUse(), description="thermal governor and its tunables; the device's own if absent")
    cooling: Name | None = Field(default=None, description="cooling variant of the device, such as bare or heat_sink; as the device stands if absent")
    fan: GovernorChoice | None = Field(default=None, description="fan governor, or {name: governor, tunable: value}; the fan's own if absent")
    idle: Name = Field(default="menu", description="idle policy: which idle state a unit enters that has nothing to do")
    memory: MemoryUse = Field(default=MemoryUse(), description="what happens when the memory is full")
    battery: BatteryUse = Field(default=BatteryUse(), description="the state of charge at the start, and changes to the battery")
    radios: dict[RadioName, RadioChoice] = Field(
        default_factory=dict,
        description="radios by a name of your own: a radio of the catalogue, such as lte_huang2012, or {base: NAME, ...changed fields}; beside the device's",
    )
    charging: Charging | None = Field(default=None, description="what feeds the battery: kind usb, solar or profile; nothing if absent")
    budgets: Budgets = Field(default=Budgets(), description="the limits of the verdict: VALID if all hold")
    optimize: OptimizeUse | None = Field(default=None, description="what `edgesim optimize` may try, and what counts: {techniques: [...], objective: energy}")
    trace: Literal["full", "requests", "summary"] = Field(
        default="full", description="requests: keep no spans (for very long runs); summary: no rows of requests either, but counts and quantiles (for millions)"
    )
