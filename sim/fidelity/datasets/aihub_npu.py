"""Latencies of Qualcomm's Hexagon NPUs, as Qualcomm AI Hub publishes them: networks on eleven chips, three number formats, two runtimes."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from device_models.spec import DeviceSpec
from sim.fidelity.aihub_chips import DATA, UNIT, chips, fitted, specification
from sim.fidelity.case import Case, Regime
from sim.fidelity.npu_fit import CHIP, STRUCTURE, Group, GroupFit, Loads, Measured, Network, fit_chip
from sim.fidelity.npu_shots import ChipPrior, telling
from sim.fidelity.predict import compiled
from sim.frontends.zoo import MODELS
from sim.frontends.zoo.published_names import published_network
from sim.scenario.model import ModelUse

SOURCE = "Qualcomm AI Hub, github.com/quic/ai-hub-models, commit 52c080d2: median of the published runs"
ENOUGH = 4  # runs behind a median that is to be predicted; fewer only help to fit
FEW_WEIGHT = 0.5  # of such a median's squared misfit
WHOLE = ""  # the fit that leaves nothing out


@dataclass(frozen=True)
class Line:
    """A group of the table: a number format and a runtime, as published and as this project calls them."""

    precision: str
    engine: str
    key: str
    runtime: str
    title: str
    fits: str  # the group whose structural factors it has

    @property
    def name(self) -> str:
        return f"{self.key}.{self.runtime}"


LINES: tuple[Line, ...] = (
    Line("float", "QNN_DLC", "float", "qnn", "Hexagon, float, QNN", "float.qnn"),
    Line("w8a8", "QNN_DLC", "int8", "qnn", "Hexagon, w8a8, QNN", "int8.qnn"),
    Line("w8a16", "QNN_DLC", "int16", "qnn", "Hexagon, w8a16, QNN", "int16.qnn"),
    Line("float", "TFLITE", "float", "tflite", "Hexagon, float, TFLite", "float.tflite"),
    Line("w8a8", "TFLITE", "int8", "tflite", "Hexagon, w8a8, TFLite", "int8.tflite"),
)
PRECISIONS = {"float": "float16", "int8": "int8", "int16": "w8a16"}
_FAMILIES = {
    "resnet18": "resnet", "resnet101": "resnet", "wideresnet50": "resnet", "resnext50": "resnext", "resnext101": "resnext",
    "mobilenet_v3_large": "mobilenet_v3", "mobilenet_v3_small": "mobilenet_v3", "efficientnet_b4": "efficientnet", "efficientnet_v2_s": "efficientnet",
    "quicksrnetsmall": "quicksrnet", "quicksrnetmedium": "quicksrnet", "quicksrnetlarge": "quicksrnet", "vit": "vit", "beit": "vit",
    "albert_base_v2_hf": "bert", "distil_bert_base_uncased_hf": "bert", "electra_bert_base_discrim_google": "bert", "nomic_embed_text": "bert",
    "mobile_bert_uncased_google": "mobilebert", "yolov3": "yolo", "yolov5": "yolo", "yolov11_det": "yolo", "yolox": "yolox",
}  # fmt: skip


def family_of(model: str) -> str:
    """What is left out together with a model: variants of one architecture."""
    return _FAMILIES.get(model, model)


@dataclass(frozen=True)
class Row:
    """One published median."""

    line: int
    model: str
    group: Line
    chip: str
    seconds: float
    repeats: int


@cache
def rows() -> tuple[Row, ...]:
    """Every published median of the groups, on the NPU alone."""
    groups = {(group.precision, group.engine): group for group in LINES}
    with (DATA / "aihub_npu.csv").open(newline="", encoding="utf-8") as file:
        read = list(enumerate(csv.DictReader(file), start=2))
    return tuple(
        Row(line, raw["model"], groups[raw["precision"], raw["runtime"]], raw["chip"], float(raw["median_ms"]) / 1e3, int(raw["repeats"]))
        for line, raw in read
        if (raw["precision"], raw["runtime"]) in groups
    )


def use_of(model: str, group: Line) -> dict[str, object]:
    """The entry of a scenario's ``models`` that runs a network as the group did."""
    known = published_network("aihub", model)
    if known is None:
        raise KeyError(model)
    source, options = known
    return {
        "source": source,
        "options": options,
        "runtime": group.runtime,
        "precision": PRECISIONS[group.key],
        "placement": {"prefer": [UNIT]},
    }


@cache
def network(model: str, group: Line) -> Network:
    """A network as the group's runtime executes it (on any chip of the table: they differ in their figures only)."""
    program = compiled(ModelUse.model_validate(use_of(model, group)), specification("qcs8550"))
    graph = program.graph
    assert graph is not None
    elements = [float(sum(graph.tensors[name].elements for name in names)) for names in (graph.inputs, graph.outputs)]
    return Network(program.kernels.work, elements[0], elements[1])


@dataclass(frozen=True)
class Fitting:
    """A group's networks and what was measured of them on each chip."""

    line: Line
    models: tuple[str, ...]
    group: Group
    measured: dict[str, Measured]

    def without(self, left_out: str) -> dict[str, Measured]:
        """The measurements but those of a model family, or of the chip ``chip:NAME``."""
        keep = np.array([family_of(model) != left_out for model in self.models])
        return {name: rows.where(keep) for name, rows in self.measured.items() if f"chip:{name}" != left_out}


@cache
def fitting(group: Line) -> Fitting:
    """What a group's fits are made on."""
    mine = [row for row in rows() if row.group == group]
    models = tuple(sorted({row.model for row in mine}))
    position = {model: index for index, model in enumerate(models)}
    measured = {}
    for chip in sorted({row.chip for row in mine}):
        own = [row for row in mine if row.chip == chip]
        measured[chip] = Measured(
            np.array([position[row.model] for row in own]),
            np.array([row.seconds for row in own]),
            np.array([1.0 if row.repeats >= ENOUGH else FEW_WEIGHT for row in own]),
            chips()[chip].on_chip_bytes,
        )
    return Fitting(group, models, Group(group.key, [network(model, group) for model in models]), measured)


def left_out_of(group: Line) -> list[str]:
    """Every fit of a group: the whole, and without each model family and each chip."""
    mine = [row for row in rows() if row.group == group]
    return [WHOLE, *sorted({family_of(row.model) for row in mine}), *sorted({f"chip:{row.chip}" for row in mine})]


@cache
def fits() -> Mapping[tuple[str, str], GroupFit]:
    """The carried fits by group and what they leave out (``python -m tests.validation.refit_aihub_npu`` makes them anew)."""
    figures: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for raw in _table("aihub_npu_chips.csv"):
        figures.setdefault((raw["group"], raw["left_out"]), {})[raw["chip"]] = np.array([float(raw[name]) for name in CHIP])
    found = {}
    for raw in _table("aihub_npu_structure.csv"):
        place = (raw["group"], raw["left_out"])
        structure = {name: float(raw[name]) for name in STRUCTURE}
        centre = np.array([float(raw[f"centre_{name}"]) for name in CHIP])
        found[place] = GroupFit(structure, centre, figures[place], np.array([float(value) for value in raw["missed"].split()]))
    return found


def _table(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class HexagonLatencies:
    """Medians of at least four published runs, all layers on the NPU."""

    name = "aihub_npu"
    title = "Qualcomm Hexagon NPUs: latency"
    regimes: tuple[Regime, ...] = ("in-sample", "leave-family-out", "zero-shot", "k-shot")

    def cases(self) -> list[Case]:
        return list(_cases())

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        return [_device(case, regime, shots) for case in cases]


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(_case(row) for row in rows() if row.repeats >= ENOUGH)


def _case(row: Row) -> Case:
    use = use_of(row.model, row.group)
    return Case(
        dataset="aihub_npu",
        group=row.group.title,
        device=row.chip,
        spec=specification(row.chip),
        unit=UNIT,
        model=row.model,
        family=family_of(row.model),
        use=use,
        metric="latency_s",
        measured=row.seconds,
        source=SOURCE,
        line=row.line,
        kind=MODELS[str(use["source"])].task,
    )


@dataclass(frozen=True)
class Choice:
    """What a case is predicted with in a regime: its group's fit without what the regime leaves out, and the chip's figures."""

    line: Line
    left_out: str
    figures: np.ndarray

    @property
    def structure(self) -> Mapping[str, float]:
        return fits()[self.line.name, self.left_out].structure


def chosen(case: Case, regime: Regime, shots: int = 3) -> Choice | None:
    """The parameters of a case in a regime, None where the regime does not apply to it."""
    line = next(line for line in LINES if line.title == case.group)
    left_out = {"in-sample": WHOLE, "leave-family-out": case.family}.get(regime, f"chip:{case.device}")
    if (line.name, left_out) not in fits():
        return None
    if regime in ("in-sample", "leave-family-out"):
        figures = fits()[line.name, left_out].chips.get(case.device)
    elif regime == "zero-shot":
        figures = _prior(line, case.device).figures
    else:
        figures = _few_shots(line, case.device, case.family, shots)
    return None if figures is None else Choice(line, left_out, figures)


def law_seconds(case: Case, choice: Choice) -> float:
    """The law's latency of a case without the engine, s: for fits and tables of many."""
    whole = fitting(choice.line)
    loads = _loads(choice.line, choice.left_out, chips()[case.device].on_chip_bytes)
    return float(loads.seconds(choice.figures)[whole.models.index(case.model)])


def _device(case: Case, regime: Regime, shots: int) -> DeviceSpec | None:
    choice = chosen(case, regime, shots)
    return None if choice is None else _fitted(case.device, choice.line, choice.left_out, tuple(choice.figures))


@cache
def _fitted(chip: str, line: Line, left_out: str, figures: tuple[float, ...]) -> DeviceSpec:
    return fitted(chip, line.key, line.runtime, np.array(figures), fits()[line.name, left_out].structure)


@cache
def _loads(line: Line, left_out: str, on_chip_bytes: float) -> Loads:
    return fitting(line).group.loads(fits()[line.name, left_out].structure, on_chip_bytes)


@cache
def _prior(group: Line, chip: str) -> ChipPrior:
    """What is known of a chip's figures before it is measured."""
    fit = fits()[group.name, f"chip:{chip}"]
    return ChipPrior.of(chips()[chip].features, [chips()[name].features for name in fit.chips], list(fit.chips.values()))


@cache
def _few_shots(group: Line, chip: str, family: str, shots: int) -> np.ndarray | None:
    """A chip's figures from ``shots`` networks of other families; None where there are too few."""
    whole = fitting(group)
    enough = {row.model for row in rows() if row.group == group and row.chip == chip and row.repeats >= ENOUGH}
    usable = np.array([name in enough and family_of(name) != family for name in whole.models])
    measured = whole.measured[chip].where(usable)
    if len(measured.networks) < shots:
        return None
    told = telling(_unmeasured_loads(group, chip), _prior(group, chip), measured.networks, shots)
    return _measured(group, chip, tuple(sorted(told)))


@cache
def _measured(group: Line, chip: str, networks: tuple[int, ...]) -> np.ndarray:
    """A chip's figures from measurements of these networks, and from all other chips."""
    whole, prior = fitting(group), _prior(group, chip)
    shot = whole.measured[chip].where(np.isin(np.arange(len(whole.models)), networks))
    # what the law misses of these networks on other chips is no matter of this one
    missed = fits()[group.name, f"chip:{chip}"].missed[shot.networks]
    shot = replace(shot, seconds=shot.seconds / missed)
    return fit_chip(_unmeasured_loads(group, chip), shot, prior.figures, prior.deviations, prior.directions)


def _unmeasured_loads(group: Line, chip: str) -> Loads:
    return _loads(group, f"chip:{chip}", chips()[chip].on_chip_bytes)


DATASET = HexagonLatencies()
