"""``edgesim calibrate host``: this machine's CPU as a device, by micro-benchmarks through ONNX Runtime."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from device_models.spec import DeviceSpec
    from sim.fidelity.host.check import Checked
    from sim.fidelity.host.device import HostFit
    from sim.fidelity.host.machine import Machine

EPILOG = "Takes one to two minutes for each thread count; let the machine do nothing else meanwhile. Needs: pip install 'edgesim[calibrate]'."
BAD_FIT = 0.3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.yaml", help="write the device")
    parser.add_argument("--force", action="store_true", help="replace FILE.yaml if it exists")
    parser.add_argument("--threads", metavar="N,...", help="thread counts to measure; 1 and all cores if absent")
    parser.add_argument("--quick", action="store_true", help="a quarter of the benchmarks: half a minute for each thread count, and rougher")
    parser.add_argument("--use", metavar="DEVICE.yaml", help="check with a device measured before instead of measuring anew")
    parser.add_argument("--check", nargs="+", type=Path, default=[], metavar="MODEL.onnx", help="run these models, too, and compare measured with predicted")
    parser.add_argument("--shape", action="append", default=[], metavar="NAME=N", help="value of an open extent of the checked models; may be repeated")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(args: argparse.Namespace) -> int:
    from sim.cli.calibrate_device import _check_output, _device
    from sim.errors import EdgesimError, Problem
    from sim.fidelity.host.benchmark import PER_KIND
    from sim.fidelity.host.device import HostFit
    from sim.fidelity.host.machine import this_machine

    _needs_onnxruntime()
    _check_output(args)
    missing = [Problem(what=f"--check {path}: no such file") for path in args.check if not path.is_file()]
    if missing:
        raise EdgesimError(missing)
    if args.use and args.output:
        raise EdgesimError("--use takes a device that exists; -o would write the same one again")
    shapes, fits = dict(_extent(text) for text in args.shape), list[HostFit]()
    if args.use:
        device = _device(args.use)
        counts = _measured_counts(device)
    else:
        machine = this_machine()
        counts = _thread_counts(args.threads, machine.cores)
        text, fits = _measured(machine, counts, args.output.stem if args.output else "host", PER_KIND // 4 if args.quick else PER_KIND)
        device = _loaded(text)
        if args.output:
            _write(args.output, text)
    checked = _checked(args.check, device, counts, shapes)
    _print_json(fits, checked) if args.json else _print(device, fits, checked, args)
    return 0


def _needs_onnxruntime() -> None:
    from importlib.util import find_spec

    from sim.errors import EdgesimError

    missing = [name for name in ("onnxruntime", "onnx", "scipy") if find_spec(name) is None]
    if missing:
        raise EdgesimError(f"calibrate host needs {', '.join(missing)}: pip install 'edgesim[calibrate]'")


def _thread_counts(text: str | None, cores: int) -> list[int]:
    from sim.errors import EdgesimError

    if text is None:
        return sorted({1, cores})
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 0 < int(part) <= cores for part in parts):
        raise EdgesimError(f"--threads {text}: expected whole numbers from 1 to {cores}, the cores of this machine, such as 1,{cores}")
    return sorted({int(part) for part in parts})


def _measured_counts(device: DeviceSpec) -> list[int]:
    from sim.errors import EdgesimError

    names = device.units["cpu"].structure if "cpu" in device.units else {}
    counts = sorted({int(name.removeprefix("threads_").split(".")[0]) for name in names if name.startswith("threads_")})
    if not counts:
        raise EdgesimError(f"--use: {device.name} was not measured by calibrate host")
    return counts


def _extent(text: str) -> tuple[str, int]:
    from sim.errors import EdgesimError

    name, _, value = text.partition("=")
    if not (name and value.isascii() and value.isdigit() and int(value)):
        raise EdgesimError(f"--shape {text}: expected NAME=N with a whole number of at least 1")
    return name, int(value)


def _measured(machine: Machine, counts: list[int], name: str, per_kind: int) -> tuple[str, list[HostFit]]:
    """The device's text and the fits behind it."""
    import re

    import onnxruntime

    from sim.cli.progress import ProgressBar
    from sim.fidelity.host.benchmark import benchmark_host
    from sim.fidelity.host.device import HostFit, host_device_text
    from sim.fidelity.host.fit import Caches, fit_host

    fits = []
    with ProgressBar("measuring this machine") as told:
        for index, threads in enumerate(counts):
            times = benchmark_host(threads, per_kind=per_kind, progress=_part(told, index, len(counts)))
            tables, classes = fit_host(times.operators, Caches(machine.near_bytes, machine.last_bytes))
            fits.append(HostFit(threads, times.run_s, tables, classes))
    plain = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_") or "host"
    return host_device_text(machine, fits, name=plain, runtime_version=onnxruntime.__version__), fits


def _part(told: Callable[[float], None] | None, index: int, count: int) -> Callable[[float], None] | None:
    return None if told is None else lambda share: told((index + share) / count)


def _loaded(text: str) -> DeviceSpec:
    import yaml

    from device_models.catalog.catalog import read_device

    return read_device(yaml.safe_load(text))


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    import os

    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _checked(paths: list[Path], device: DeviceSpec, counts: list[int], shapes: dict[str, int]) -> list[Checked]:
    """Raises EdgesimError with every model that could not be measured or predicted."""
    from sim.errors import EdgesimError, Problem
    from sim.fidelity.host.check import check_model

    found, problems = [], list[Problem]()
    for path in paths:
        try:
            found += [check_model(path, device, threads, shapes) for threads in counts]
        except EdgesimError as error:
            problems += error.problems
    if problems:
        raise EdgesimError(problems)
    return found


def _print(device: DeviceSpec, fits: list[HostFit], checked: list[Checked], args: argparse.Namespace) -> None:
    from sim.report.safe_text import printable

    print(printable(device.title))
    for fit in fits:
        _print_fit(fit)
    if checked:
        print()
        _print_checked(checked)
    if args.output:
        print()
        print(printable(f"wrote {args.output}: name it as a scenario's device, or: edgesim profile MODEL --device {args.output}"))


def _print_fit(fit: HostFit) -> None:
    from sim.cli.table import print_table

    print(f"\n{fit.threads} thread{'s' if fit.threads > 1 else ''}: how closely the fit meets the timed operators")
    rows = []
    for entry in fit.classes:
        mark = "rough" if entry.median_error > BAD_FIT else ""
        rows.append([entry.format, entry.name, str(len(entry.residuals)), f"{100 * entry.median_error:.0f} %", mark])
    print_table(["format", "operators", "timed", "median error", ""], rows, right=(2, 3))


def _print_checked(checked: list[Checked]) -> None:
    from device_models.units import format_quantity
    from sim.cli.table import print_table

    rows = []
    for row in checked:
        unknown = ", ".join(f"{name} {100 * share:.0f} %" for name, share in row.uncovered.items())
        cells = [row.model, str(row.threads), format_quantity(row.measured_s, "time"), format_quantity(row.predicted_s, "time"), f"{100 * row.error:+.0f} %"]
        rows.append([*cells, unknown])
    print_table(["model", "threads", "measured", "predicted", "error", "not covered (share of time)"], rows, right=(1, 2, 3, 4), flexible=0)
    sizes = [abs(row.error) for row in checked]
    print(f"mean error {100 * sum(sizes) / len(sizes):.1f} %")


def _print_json(fits: list[HostFit], checked: list[Checked]) -> None:
    import json

    classes = [
        {"threads": fit.threads, "format": entry.format, "operator": entry.name, "timed": len(entry.residuals), "median_error": entry.median_error}
        for fit in fits
        for entry in fit.classes
    ]
    models = [
        {"model": row.model, "threads": row.threads, "measured_s": row.measured_s, "predicted_s": row.predicted_s, "not_covered": row.uncovered}
        for row in checked
    ]
    print(json.dumps({"operators": classes, "models": models}, indent=1))
