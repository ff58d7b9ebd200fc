"""The measured machine as a device file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from device_models.cost_ort import COEFFICIENTS, FORMATS
from sim.fidelity.host.fit import FitOfClass, Tables
from sim.fidelity.host.machine import Machine

SOURCE = "measured_by_user: micro-benchmarks through ONNX Runtime on this machine"
DESCRIPTION = "Latencies measured by micro-benchmarks. Power, heat and storage are NOT measured: replace them before trusting energy or temperature."
TYPICAL_ERROR = "networks whose operators were all benchmarked: 5 % in float, 10 % in 8 bits; more for networks under a millisecond"


@dataclass(frozen=True)
class HostFit:
    """The fit at one thread count: its tables, how well each class was met, and the time of a run beside its operators."""

    threads: int
    run_s: float
    tables: Tables
    classes: Sequence[FitOfClass]


def host_device_text(machine: Machine, fits: Sequence[HostFit], *, name: str, runtime_version: str) -> str:
    """YAML that a scenario names as its ``device``; power, heat and storage are not measured and say so."""
    return "\n".join(_lines(machine, fits, name, runtime_version)) + "\n"


def _lines(machine: Machine, fits: Sequence[HostFit], name: str, version: str) -> Iterator[str]:
    title = _plain(machine.title)
    yield f"# {title}, measured by: edgesim calibrate host (ONNX Runtime {_plain(version)})"
    yield f"name: {name}"
    yield f"title: {json.dumps(f'This machine: {title}')}"
    yield "category: board"
    yield f"description: {json.dumps(DESCRIPTION)}"
    yield "units:"
    yield "  cpu:"
    yield "    kind: cpu"
    yield f"    title: {json.dumps(title)}"
    yield "    cost_class: cpu_ort"
    yield f"    cores: {_figure(machine.cores, 'measured', 'cores this process may use')}"
    rates = f"{{float32: {machine.float32_macs_per_cycle:g}, int8: {machine.int8_macs_per_cycle:g}}}"
    yield f"    macs_per_cycle: {{source: none, kind: estimated, note: two vector pipes of the widest instructions the processor names, values: {rates}}}"
    yield "    domain: cpu"
    yield f"    on_chip: {_figure(f'{machine.last_bytes:.0f} B', *_told(machine, 'last_bytes', 'last-level cache'))}"
    yield "    structure:"
    yield from _values(machine, fits[0])
    for fit in fits:
        yield from _tables(fit)
    operators = sum(len(entry.residuals) for fit in fits for entry in fit.classes)
    yield f"    calibration: {json.dumps(f'fitted on {operators} timed operators')}"
    yield f"    calibration_error: {_figure(0.1, 'estimated', TYPICAL_ERROR)}"
    yield "    power:"
    yield f"      dynamic_capacitance: {_figure('0.8 nF', 'estimated', 'not measured: about 2.5 W a core at 3 GHz')}"
    yield f"      leakage: {_figure('1 W', 'estimated', 'not measured')}"
    yield "domains:"
    yield "  cpu:"
    told = _told(machine, "hz", "highest clock the system names; the times hold at whatever clock the processor really chose")
    yield f"    operating_points: {{source: this machine, kind: {told[0]}, note: {json.dumps(told[1])}, table: [[{machine.hz / 1e6:.6g} MHz]]}}"
    yield "memory:"
    yield "  type: DRAM"
    yield f"  bandwidth: {_figure(f'{machine.memory_bytes_per_s / 1e9:.4g} GB/s', 'measured', 'large copies by one thread, bytes read and written')}"
    yield f"  capacity: {_figure(f'{machine.memory_bytes:.0f} B', *_told(machine, 'memory_bytes', 'as the system says'))}"
    yield f"  energy: {_figure('40 pJ/B', 'estimated', 'not measured: LPDDR4-class memory')}"
    yield "storage:"
    yield "  type: not measured"
    yield f"  read_bandwidth: {_figure('1 GB/s', 'estimated', 'not measured: a common SSD')}"
    yield f"  capacity: {_figure('256 GB', 'estimated', 'not measured')}"
    yield f"base_power: {_figure('10 W', 'estimated', 'not measured')}"
    yield "thermal:"
    yield "  nodes:"
    yield f"    case: {{heat_capacity: {_figure('500 J/K', 'estimated', 'not measured')}, heated_by: [cpu, base, memory, storage]}}"
    yield "  links:"
    yield f"    - {{between: [case, ambient], resistance: {_figure('0.3 K/W', 'estimated', 'not measured: a fan')}}}"
    yield "runtimes: [onnxruntime]"


def _values(machine: Machine, first: HostFit) -> Iterator[str]:
    values: Mapping[str, float] = {
        "measured_hz": machine.hz,
        "measured_bytes_per_s": machine.memory_bytes_per_s,
        "near_cache_bytes": machine.near_bytes,
        "invocation_s": first.run_s,
    }
    shown = ", ".join(f"{name}: {_number(value)}" for name, value in values.items())
    note = "clock, copy rate, second-level cache, time of a run beside its operators"
    yield f"      values: {{source: {json.dumps(SOURCE)}, kind: measured, note: {json.dumps(note)}, values: {{{shown}}}}}"


def _tables(fit: HostFit) -> Iterator[str]:
    met = {(entry.format, entry.name): entry for entry in fit.classes}
    for format in FORMATS:
        names = [name for of, name in met if of == format]
        for coefficient in COEFFICIENTS:
            rows = ", ".join(f"{name}: {_number(fit.tables[f'{format}.{coefficient}'][name])}" for name in names)
            note = f"fit to timed operators with {fit.threads} threads"
            yield f"      threads_{fit.threads}.{format}.{coefficient}: {{source: {json.dumps(SOURCE)}, kind: derived, note: {note}, values: {{{rows}}}}}"


def _told(machine: Machine, field: str, what: str) -> tuple[str, str]:
    """Kind and note of a figure the system told, or that was taken as usual."""
    return ("estimated", f"{what}: not told by the system, a usual value") if field in machine.assumed else ("measured", what)


def _figure(value: object, kind: str, note: str) -> str:
    source = "none" if kind == "estimated" else "this machine"
    return f"{{value: {value}, source: {source}, kind: {kind}, note: {json.dumps(note)}}}"


def _number(value: float) -> str:
    """Five digits that YAML reads as a number."""
    text = f"{value:.5g}"
    return text if "e" not in text or "." in text else text.replace("e", ".0e")


def _plain(text: str) -> str:
    """On one line, without what could end a comment or hide in a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
