"""The scenario as typed, frozen objects. A field here declares its YAML key, unit, range, help text and JSON Schema at once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from device_models.battery_spec import Ohm
from device_models.figure import Figure, Quantity
from sim.scenario.accuracy import AccuracyUse
from sim.scenario.adaptive import HeadExit, LastExit, PartUse, exit_problems
from sim.scenario.batching import AdmissionChoice
from sim.scenario.charging import Charging
from sim.scenario.compression import CompressionStep
from sim.scenario.generation import Serving
from sim.scenario.loadgen import LoadGen
from sim.scenario.lowering import Placement as Placement
from sim.scenario.lowering import Precision as Precision
from sim.scenario.optimize import OptimizeUse
from sim.scenario.part import ByteCount, Name, Part, PositiveTime, Probability, SmallCount, Time, Whole
from sim.scenario.search import SearchUse
from sim.scenario.stages import Stage, default_name, stage_names
from sim.scenario.training import TrainingUse

Rate = Annotated[Figure, Quantity("frequency", gt=0, le=1e9)]
Temperature = Annotated[Figure, Quantity("temperature", ge=-100, le=200)]
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
    return "governor with tunables" if isinstance(raw, dict | Tuned) else "governor"


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
    sweep: dict[str, Any] | None = Field(
        default=None,
        description="what `edgesim sweep` varies: {PATH: [values], seed: range(5), zip: [[PATH, PATH]], where: [...], sample: {...}, replications: 5}",
    )
    search: SearchUse | None = Field(
        default=None, description="what `edgesim search` may choose, and what counts: {space: {PATH: [choices]}, objectives: {latency_p99: minimize}}"
    )
    trace: Literal["full", "requests", "summary"] = Field(
        default="full", description="requests: keep no spans (for very long runs); summary: no rows of requests either, but counts and quantiles (for millions)"
    )
