"""Fits of Hexagon-class units: structural factors that all chips of a group share, and six figures of each chip.

A group is one number format and runtime; its networks are priced together. The law is the simulator's own
(:func:`device_models.cost_npu.npu_loads`), so that what is fitted here is what is predicted there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np

from device_models.cost_npu import npu_loads
from device_models.map_fit import map_fit
from device_models.work import Work

EXPONENT = 3.0  # of the mean of compute and memory; the catalogue's, form npu
# What a chip has of its own, in this order: s, s, MAC/s, B/s, elements/s, B/s.
CHIP = ("invocation_s", "overhead_s", "macs_per_s", "weight_bytes_per_s", "elements_per_s", "io_bytes_per_s")
INTERFACE_BYTES = {"float": 4.0, "int8": 1.0, "int16": 1.0}  # of an element handed over, as io_bytes_per_s counts them

# Before anything is measured: structural factors and the standard deviations of their logarithms. Where a factor of 1 is natural it is
# the centre; the others are rough: depthwise windows run partly in parallel, transcendentals and reductions take several passes, operands
# of products of activations are laid out anew, three colours are packed more densely than 32 channels.
STRUCTURE: Mapping[str, tuple[float, float]] = {
    "pw": (1.0, 0.2), "grouped": (1.8, 0.4), "fc": (0.75, 0.3), "bmm": (0.75, 0.3),
    "pad_positions": (0.9, 0.2), "pad_depth": (0.3, 0.5), "pad_width": (0.9, 0.2),
    "dw": (0.3, 0.5), "dw_window": (1.0, 0.2), "exp": (2.0, 0.4), "norm": (1.0, 0.4), "softmax": (1.0, 0.4), "permute": (1.0, 0.4),
    "pool": (1.0, 0.4), "concat": (0.1, 0.7), "output": (0.1, 0.7), "bmm_operands": (8.0, 0.5), "bmm_odd": (1.5, 0.4), "normalise_image": (5.0, 0.7),
    "spill": (0.4, 0.5), "input_share": (1.0, 0.5), "par": (0.5, 0.5),
}  # fmt: skip
LEARNT = 0.7  # of these deviations where another group's factors are the centre
CENTRES: Mapping[str, tuple[float, ...]] = {
    # of the chips of a number format, roughly; their logarithms may be off by COMMON_SD, and a chip from them by OWN_SD
    "float": (5e-5, 4e-7, 5e12, 6e10, 6e10, 1.5e10),
    "int8": (4e-5, 1.2e-6, 2e13, 6e10, 1.5e11, 5e9),
    "int16": (5e-5, 1.2e-6, 1e13, 6e10, 6e10, 5e9),
}
COMMON_SD, OWN_SD = 0.7, np.array([0.5, 0.5, 0.8, 0.5, 0.8, 0.5])
NETWORK_SD = 0.05  # of what the law misses of a network, on every chip alike (logarithm)
NOISE = 0.05  # of a measurement beside that


@dataclass(frozen=True)
class Network:
    """A network as a runtime executes it, all on one unit: its kernels, and the elements of its inputs and outputs."""

    work: Work
    inputs: float
    outputs: float


@dataclass(frozen=True)
class Measured:
    """Latencies on one chip: ``networks`` are positions in the group; ``weights`` of the squared misfits; ``on_chip_bytes`` of the chip."""

    networks: np.ndarray
    seconds: np.ndarray
    weights: np.ndarray
    on_chip_bytes: float

    def where(self, keep: np.ndarray) -> Measured:
        """Those measurements whose network is kept, ``keep`` ``[networks]`` bool."""
        rows = keep[self.networks]
        return Measured(self.networks[rows], self.seconds[rows], self.weights[rows], self.on_chip_bytes)


class Group:
    """Networks in one number format (``key``: float, int8, int16) and runtime, priced together."""

    def __init__(self, key: str, networks: Sequence[Network]) -> None:
        self.key = key
        self.work = Work(**{field.name: np.concatenate([getattr(network.work, field.name) for network in networks]) for field in fields(Work)})
        self.network = np.repeat(np.arange(len(networks)), [len(network.work) for network in networks])
        self.inputs = np.array([network.inputs for network in networks]) * INTERFACE_BYTES[key]
        self.outputs = np.array([network.outputs for network in networks]) * INTERFACE_BYTES[key]

    def __len__(self) -> int:
        return len(self.inputs)

    def totals(self, values: np.ndarray, kernels: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Sums of the ``values`` of ``kernels`` by network, ``[networks]``."""
        return np.bincount(self.network[kernels], weights=values, minlength=len(self))

    def loads(self, structure: Mapping[str, float], on_chip_bytes: float) -> Loads:
        """What the networks ask of a chip with so much memory on chip."""
        return Loads(self, structure, on_chip_bytes)


class Loads:
    """What each network of a group asks of a unit: sums over its kernels, but for those that compute and stream at once."""

    def __init__(self, group: Group, structure: Mapping[str, float], on_chip_bytes: float) -> None:
        loads = npu_loads(group.work, structure, group.key, on_chip_bytes)
        self.group = group
        both = (loads.macs > 0) & (loads.traffic_bytes > 0)
        self.rows = np.flatnonzero(both)
        self.macs, self.traffic = loads.macs[both], loads.traffic_bytes[both]
        single = ~both
        self.sums = np.stack(
            [
                np.ones(len(group)),
                group.totals(loads.launches),
                group.totals(loads.macs[single], single),
                group.totals(loads.traffic_bytes[single], single),
                group.totals(loads.elements),
                structure["input_share"] * group.inputs + group.outputs,
            ],
            axis=1,
        )

    def seconds(self, chip: np.ndarray) -> np.ndarray:
        """Latency of each network ``[networks]`` on a chip (:data:`CHIP`)."""
        slow = np.concatenate([chip[:2], 1.0 / chip[2:]])
        overlapped = np.cbrt((self.macs * slow[2]) ** EXPONENT + (self.traffic * slow[3]) ** EXPONENT)
        return np.asarray(self.sums @ slow + self.group.totals(overlapped, self.rows))


@dataclass(frozen=True)
class GroupFit:
    """Fitted structural factors, the common centre of the chips' figures, and each chip's figures (:data:`CHIP`).

    ``missed``: by which factor each network takes longer than the law says, on all chips alike ``[networks]``; 1 if not measured.
    """

    structure: dict[str, float]
    centre: np.ndarray
    chips: dict[str, np.ndarray]
    missed: np.ndarray


def fit_group(group: Group, measured: Mapping[str, Measured], learnt: Mapping[str, float] | None = None) -> GroupFit:
    """Structural factors and chips' figures that fit the measurements; ``learnt``: another group's factors, which are closer than nothing.

    Raises ValueError without any measurement.
    """
    names, chips = list(STRUCTURE), [name for name, rows in measured.items() if len(rows.networks)]
    if not chips:
        raise ValueError("a fit needs measurements")
    start = np.log([learnt[name] if learnt else STRUCTURE[name][0] for name in names])
    sd = np.array([STRUCTURE[name][1] for name in names]) * (LEARNT if learnt else 1.0)
    shared, own = len(names), len(CHIP)
    chip_deltas = slice(shared + own, shared + own * (1 + len(chips)))
    priced = _Priced(group)

    def unpack(deltas: np.ndarray) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
        structure = dict(zip(names, np.exp(start + deltas[:shared]), strict=True))
        centre = np.log(CENTRES[group.key]) + deltas[shared : shared + own]
        return structure, np.exp(centre), np.exp(centre + deltas[chip_deltas].reshape(-1, own))

    def predict(deltas: np.ndarray) -> np.ndarray:
        structure, _, figures = unpack(deltas)
        missed = np.exp(deltas[chip_deltas.stop :])
        seconds = [missed * priced(structure, measured[name].on_chip_bytes, figures[index], index) for index, name in enumerate(chips)]
        return np.concatenate([predicted[measured[name].networks] for predicted, name in zip(seconds, chips, strict=True)])

    priors = np.concatenate([sd, np.full(own, COMMON_SD), np.tile(OWN_SD, len(chips)), np.full(len(group), NETWORK_SD)])
    seconds = np.concatenate([measured[name].seconds for name in chips])
    weights = np.concatenate([measured[name].weights for name in chips])
    deltas = map_fit(predict, seconds, priors, noise=NOISE, weights=weights).deltas
    structure, centre, figures = unpack(deltas)
    return GroupFit(structure, centre, dict(zip(chips, figures, strict=True)), np.exp(deltas[chip_deltas.stop :]))


class _Priced:
    """Latencies of a group, kept for the last structure and each chip's last figures: a gradient changes one number at a time."""

    def __init__(self, group: Group) -> None:
        self.group = group
        self.structure: dict[str, float] = {}
        self.loads: dict[float, Loads] = {}
        self.seconds: dict[int, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, structure: dict[str, float], on_chip_bytes: float, figures: np.ndarray, chip: int) -> np.ndarray:
        if structure != self.structure:
            self.structure, self.loads, self.seconds = structure, {}, {}
        if on_chip_bytes not in self.loads:
            self.loads[on_chip_bytes] = self.group.loads(structure, on_chip_bytes)
        if chip not in self.seconds or not np.array_equal(self.seconds[chip][0], figures):
            self.seconds[chip] = (figures.copy(), self.loads[on_chip_bytes].seconds(figures))
        return self.seconds[chip][1]


def fit_chip(loads: Loads, measured: Measured, centre: np.ndarray, prior_sd: np.ndarray | None = None, directions: np.ndarray | None = None) -> np.ndarray:
    """A chip's figures (:data:`CHIP`) from its measurements, pulled to ``centre`` (the same, positive).

    ``prior_sd``: of the logarithms along ``directions`` ``[directions, 6]`` (each figure on its own if None).
    """
    along = np.eye(len(CHIP)) if directions is None else directions
    sd = OWN_SD if prior_sd is None else prior_sd

    def figures(deltas: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(np.log(centre) + deltas @ along))

    found = map_fit(lambda deltas: loads.seconds(figures(deltas))[measured.networks], measured.seconds, sd, weights=measured.weights)
    return figures(found.deltas)
