"""The microcontroller law fitted to MLPerf Tiny: shared cycles, a factor of each core, of each kernel library and of each system."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from device_models.catalog.catalog import cost_classes
from device_models.cost_mcu import gathered_elements, gathered_runs, moved_elements
from device_models.figure import Figure
from device_models.posynomial_fit import Posynomial, fit_posynomial
from device_models.spec import DeviceSpec
from device_models.work import Kind, Work
from sim.compiler.compile import lower_model
from sim.compiler.pipeline import resolve_runtime
from sim.fidelity.tiny_systems import Row, network, specification
from sim.frontends.load import load_model

SOURCE = "mlperf_tiny_fit"
# Term -> (prior, standard deviation of its logarithm). Priors are instruction counts of kernels of CMSIS-NN's kind on a Cortex-M4,
# recalled: blocks of two channels by two positions use every loaded value twice (about 1.5 cycles a product); a vector has one position, so that
# weights are loaded, widened and used once (2.2); depthwise windows cannot be packed two to a multiplication (6). The unit is a pointwise product,
# whose prior is therefore narrow: the cores' own factors are wide.
PRIORS: Mapping[str, tuple[float, float]] = {
    "pw": (1.5, 0.01),
    "conv": (1.6, 0.05),
    "first": (1.5, 0.15),
    "fc": (2.2, 0.15),
    "dw": (6.0, 0.2),
    "gathered_element": (1.5, 0.3),
    "gathered_run": (20.0, 0.4),
    "element": (30.0, 0.1),
    "move": (5.0, 0.4),
    "operator": (4000.0, 0.7),
}
TERMS = tuple(PRIORS)
MAC_TERMS = ("pw", "conv", "first", "fc", "dw")
CORE_SD, LIBRARY_SD, SYSTEM_SD, CORE_ELEMENT_SD, LIBRARY_CONV_SD, FLOAT_SD = 1.5, 0.5, 0.15, 0.2, 0.1, 0.5
NOISE = 0.05
FLOAT_PRIORS = {"float_factor": 3.0, "float_element_factor": 0.3}


@dataclass(frozen=True)
class TinyFit:
    """Natural logarithms of the factors by name, such as ``core mcu_cortex_m4``; what was not measured is 0.

    ``pairs``: cores and libraries that were measured together.
    """

    deltas: Mapping[str, float]
    pairs: frozenset[tuple[str, str]]

    def factor(self, *names: str) -> float:
        """Product of the named factors."""
        return float(np.exp(sum(self.deltas.get(name, 0.0) for name in names)))

    def knows(self, row: Row) -> bool:
        """Whether the factors of the row's core and library are on one scale: measured together, or by way of others that were."""
        reached = {row.cost_class}
        while more := {each for pair in self.pairs if reached & {*pair} for each in pair} - reached:
            reached |= more
        return row.runtime in reached


def fit(measured: Sequence[Row]) -> TinyFit:
    """Shared structure and the factors of the cores, libraries and systems of some rows."""
    names = factor_names(measured)
    model = posynomial(measured, names)
    cycles = np.array([row.latency_s * row.clock_hz for row in measured])
    deltas = fit_posynomial(model, cycles, np.array([_prior_sd(name) for name in names]), noise=NOISE)
    return TinyFit(dict(zip(names, deltas.tolist(), strict=True)), frozenset((row.cost_class, row.runtime) for row in measured))


def factor_names(measured: Sequence[Row]) -> list[str]:
    """Factors that some rows can tell about, in a fixed order."""
    cores, libraries = sorted({row.cost_class for row in measured}), sorted({row.runtime for row in measured})
    systems = sorted({_system(row) for row in measured})
    names = [f"term {term}" for term in TERMS]
    names += [f"core {core}" for core in cores] + [f"library {library}" for library in libraries] + [f"system {system}" for system in systems]
    names += [f"core_element {core}" for core in cores] + [f"library_conv {library}" for library in libraries]
    return [*names, *FLOAT_PRIORS]


def posynomial(measured: Sequence[Row], names: Sequence[str]) -> Posynomial:
    """Cycles of rows as sums of terms, each with the factors that enter it."""
    index = {name: position for position, name in enumerate(names)}
    priors = np.array([prior for prior, _ in PRIORS.values()])
    terms = np.array([counts(row) for row in measured]) * priors * np.array([_float_priors(row) for row in measured])
    powers = np.zeros((len(measured), len(TERMS), len(names)))
    for number, row in enumerate(measured):
        for position, term in enumerate(TERMS):
            for name, power in _factors(row, term).items():
                powers[number, position, index[name]] = power
    return Posynomial(terms, powers)


def counts(row: Row) -> np.ndarray:
    """How often each of :data:`TERMS` happens in the row's network."""
    return _counts(json.dumps(network(row)))


@cache
def _counts(use: str) -> np.ndarray:
    entry = json.loads(use)
    model = load_model(entry["source"], directory=Path(), options=entry.get("options", {}), shapes={})
    return work_counts(lower_model(model, resolve_runtime(entry["runtime"]), entry["precision"]).work)


def work_counts(work: Work) -> np.ndarray:
    """Sums over kernels, ``[terms]``."""
    kinds = {"pw": (Kind.PW,), "conv": (Kind.C3, Kind.CONV), "first": (Kind.FIRST,), "fc": (Kind.FC,), "dw": (Kind.DW,)}
    macs = [float(work.macs[np.isin(work.kind, kinds[term])].sum()) for term in MAC_TERMS]
    made = float(work.out_elements[work.macs > 0].sum())
    return np.array([*macs, float(gathered_elements(work).sum()), float(gathered_runs(work).sum()), made, float(moved_elements(work).sum()), float(len(work))])


def fitted_device(row: Row, found: TinyFit, *, with_system: bool, system: float | None = None) -> DeviceSpec:
    """The row's device with the structure of a fit; ``system`` is its own factor on all cycles (the fit's, or 1, if None)."""
    own = system if system is not None else found.factor(f"system {_system(row)}") if with_system else 1.0
    spec = specification(row)
    unit = spec.units["mcu"]
    fitted = unit.model_copy(
        update={
            "structure": structure(found, row.cost_class, row.runtime),
            "parameters": {"int8": {"compute": _figure(own, "own factor on all cycles")}},
            "calibration": "fitted" if own != 1.0 else "zero-shot",
        }
    )
    return spec.model_copy(update={"units": {"mcu": fitted}})


def structure(found: TinyFit, cost_class: str, runtime: str) -> dict[str, dict[str, Figure]]:
    """Structural parameters of the law as a fit has them, for one core and library (``structure`` of a unit)."""
    shared = shared_values(found)
    values = {f"cycles_per_{name}": shared[name] for name in ("gathered_element", "gathered_run", "element", "move", "operator")}
    values |= {name: FLOAT_PRIORS[name] * found.factor(name) for name in FLOAT_PRIORS}
    values |= {"core": found.factor(f"core {cost_class}"), "core_elements": found.factor(f"core_element {cost_class}")}
    macs = {name: shared[name] for name in MAC_TERMS} | {"c3": shared["conv"]}
    return {
        "values": {name: _figure(value) for name, value in values.items()},
        "cycles_per_mac": {name: _figure(value) for name, value in macs.items()},
        "libraries": {runtime: _figure(found.factor(f"library {runtime}"))},
        "library_conv": {runtime: _figure(found.factor(f"library_conv {runtime}"))},
    }


def shared_values(found: TinyFit) -> dict[str, float]:
    """Cycles of each term."""
    return {term: prior * found.factor(f"term {term}") for term, (prior, _) in PRIORS.items()}


def system_factor(row: Row, found: TinyFit, shown: Sequence[Row]) -> float:
    """The row's own factor from some measurements of its system, pulled to 1, with the rest of a fit as it is."""
    if not shown:
        return 1.0
    model = posynomial(shown, names := factor_names(shown))
    deltas = np.array([found.deltas.get(name, 0.0) if not name.startswith("system ") else 0.0 for name in names])
    residuals = np.log([each.latency_s * each.clock_hz for each in shown]) - np.log(model.values(deltas))
    spread = NOISE_OF_NETWORKS**2
    return float(np.exp(residuals.sum() / spread / (len(shown) / spread + SYSTEM_SD**-2)))


NOISE_OF_NETWORKS = 0.08  # standard deviation of ln(predicted/measured) between networks of one system, on unseen ones


def _system(row: Row) -> str:
    return f"{row.release} {row.system}"


def _factors(row: Row, term: str) -> dict[str, float]:
    """Factor -> power, of one term of one row."""
    library = library_power(term)
    found = {f"term {term}": 1.0, f"core {row.cost_class}": 1.0, f"library {row.runtime}": library, f"system {_system(row)}": 1.0}
    if term == "element":
        found[f"core_element {row.cost_class}"] = 1.0
    if term == "conv":
        found[f"library_conv {row.runtime}"] = 1.0
    if row.precision == "float32" and term in MAC_TERMS:
        found["float_factor"] = 1.0
    if row.precision == "float32" and term in ("element", "move"):
        found["float_element_factor"] = 1.0
    return found


def library_power(term: str) -> float:
    """With which power the library's factor enters a term, as the catalogue says."""
    law = cost_classes()["mcu_cortex_m4"]
    if term in ("element", "move"):
        return float(law.values["element_library_power"])
    return float(law.table("library_power").get(term, 1.0))


def _float_priors(row: Row) -> np.ndarray:
    if row.precision != "float32":
        return np.ones(len(TERMS))
    return np.array(
        [FLOAT_PRIORS["float_factor"] if term in MAC_TERMS else FLOAT_PRIORS["float_element_factor"] if term in ("element", "move") else 1.0 for term in TERMS]
    )


def _prior_sd(name: str) -> float:
    group, _, rest = name.partition(" ")
    if group == "term":
        return PRIORS[rest][1]
    return {"core": CORE_SD, "library": LIBRARY_SD, "system": SYSTEM_SD, "core_element": CORE_ELEMENT_SD, "library_conv": LIBRARY_CONV_SD}.get(group, FLOAT_SD)


def _figure(value: float, note: str = "") -> Figure:
    return Figure(value, source=SOURCE, kind="derived", note=note)
