"""``edgesim calibrate thermal``: the heat path of a device fitted to a temperature trace."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device_models.spec import DeviceSpec
    from device_models.thermal_fit import PowerProfile
    from sim.experiment.thermal_calibration import Calibration
    from sim.scenario.temperature_trace import TemperatureTrace

PLOT_ROWS = 16
EPILOG = """\
The trace is a CSV file with a header: a time and a temperature column, and perhaps power, phase (idle, load) and clock, found by
their names. Power is told by --power-idle and --power-load, by a power column, or, with --device, by the catalogue. What the load
adds heats the measured node; the idle power heats the board.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("trace", type=Path, metavar="TRACE.csv", help="the measured temperatures")
    parser.add_argument("--device", metavar="NAME", help="fit this device's own network, from its own numbers")
    parser.add_argument("--node", metavar="NODE", help="with --device: the thermal node that was measured (the one its units heat)")
    parser.add_argument("--nodes", type=int, choices=(1, 2, 3), help="nodes of the ladder from the die to the air, without --device (2)")
    parser.add_argument("--power-idle", metavar="POWER", help="power of the idle device, for example '3.06 W'")
    parser.add_argument("--power-load", metavar="POWER", help="power under load")
    parser.add_argument("--ambient", metavar="TEMPERATURE", help="of the air, for example '22 degC'; fitted near room temperature if absent")
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE", help="only rows with this value, for files with several runs")
    for role in ("time", "temperature", "power", "phase"):
        parser.add_argument(f"--{role}-column", metavar="NAME", help=f"the {role} column, where its name does not tell")
    parser.add_argument("--temperature-unit", choices=("degC", "K", "degF", "mdegC"), help="of the temperature column, where its name does not tell")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.yaml", help="write the thermal section of a device file")
    parser.add_argument("--plot", type=Path, metavar="FILE.png", help="draw fit and measurement (needs matplotlib)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(args: argparse.Namespace) -> int:
    from sim.experiment.thermal_calibration import calibrate
    from sim.scenario.temperature_trace import read_temperature_trace

    _check_plot(args.plot)
    device, ambient = _device(args), _quantity(args.ambient, "temperature", "--ambient")
    choice = {role: name for role in ("time", "temperature", "power", "phase") if (name := getattr(args, f"{role}_column")) is not None}
    measured = read_temperature_trace(args.trace, choice, [_condition(text) for text in args.where], args.temperature_unit)
    result = calibrate(measured, _power(args, measured, device), args.nodes or 2, ambient, device, args.node)
    _print(result, args, measured)
    _write(result, args)
    return 0


def _device(args: argparse.Namespace) -> DeviceSpec | None:
    from device_models.catalog.catalog import device_names, load_device
    from sim.errors import EdgesimError
    from sim.registry import near_names

    if args.device is None:
        if args.node is not None:
            raise EdgesimError("--node names a thermal node of a device: add --device")
        return None
    if args.nodes is not None:
        raise EdgesimError("--nodes and --device contradict each other: the device says how many thermal nodes there are")
    if args.device not in device_names():
        raise EdgesimError(f"unknown device {args.device!r}; {near_names(args.device, device_names())}")
    return load_device(args.device)


def _power(args: argparse.Namespace, measured: TemperatureTrace, device: DeviceSpec | None) -> tuple[PowerProfile, str]:
    from sim.errors import EdgesimError
    from sim.experiment.thermal_calibration import device_powers, power_by_sample

    idle, load = (_quantity(getattr(args, f"power_{name}"), "power", f"--power-{name}") for name in ("idle", "load"))
    if (idle is None) != (load is None):
        raise EdgesimError("--power-idle and --power-load go together")
    if idle is not None and load is not None:
        if args.power_column is not None:
            raise EdgesimError("--power-column and --power-idle contradict each other: leave one out")
        return _described(measured, idle, load)
    if measured.power_w is not None:
        return power_by_sample(measured)
    if device is None:
        raise EdgesimError(f"{args.trace}: no power column; say --power-idle and --power-load, or --device for the catalogue's")
    return _described(measured, *device_powers(device), f" (catalogue: {device.name}, CPUs at their highest clocks)")


def _described(measured: TemperatureTrace, idle: float, load: float, whence: str = "") -> tuple[PowerProfile, str]:
    from sim.experiment.thermal_calibration import power_by_phase

    profile, when = power_by_phase(measured, idle, load)
    return profile, f"idle {idle:.2f} W, load {load:.2f} W{whence}, {when}"


def _quantity(text: str | None, dimension: str, option: str) -> float | None:
    from device_models.units import UnitError, parse_quantity
    from sim.errors import EdgesimError, Problem

    if text is None:
        return None
    bare = {"power": "W", "temperature": "degC"}[dimension]
    try:
        return parse_quantity(text if any(letter.isalpha() for letter in text) else f"{text} {bare}", dimension)
    except UnitError as error:
        raise EdgesimError(Problem(option, what=str(error))) from None


def _condition(text: str) -> tuple[str, str]:
    from sim.errors import EdgesimError, Problem

    column, equals, value = text.partition("=")
    if not equals or not column:
        raise EdgesimError(Problem(f"--where {text}", what="expected COLUMN=VALUE, for example run=rpi4b-stock"))
    return column.strip(), value.strip()


def _print(result: Calibration, args: argparse.Namespace, measured: TemperatureTrace) -> None:
    import json
    import sys
    import textwrap

    from device_models.thermal_fit import temperatures
    from sim.cli.table import print_table
    from sim.experiment.thermal_calibration import rows
    from sim.report.console import report_width, stream_glyphs
    from sim.report.fit_plot import fit_plot
    from sim.report.safe_text import printable

    parameters, trace = result.fit.parameters, result.trace
    if args.json:
        print(json.dumps(_json(result), indent=1))
        return
    width = report_width(sys.stdout)
    chosen = "".join(f", {text}" for text in args.where)
    span = f"{trace.temperature_c.min():.1f} to {trace.temperature_c.max():.1f} degC"
    samples = f"{args.trace.name}{chosen}: {len(trace.time_s)} samples over {trace.time_s[-1]:.0f} s, {span} in {measured.columns['temperature']!r}"
    for text in (samples, f"power: {result.power_text}"):
        print(textwrap.fill(printable(text), width, subsequent_indent="  "))
    print()
    print_table(["fitted", "value", "known within"], rows(result), right=(1,))
    print("\ntime constants: " + ", ".join(f"{tau:.3g} s" for tau in parameters.time_constants_s) + f"   rms error: {result.fit.rms_k:.2f} K\n")
    fitted = temperatures(parameters, result.profile, trace)
    for line in fit_plot(trace.time_s, trace.temperature_c, fitted, "degC", width, PLOT_ROWS, stream_glyphs()):
        print(line)


def _json(result: Calibration) -> dict[str, object]:
    parameters = result.fit.parameters
    shape = parameters.topology
    return {
        "resistances_k_per_w": {f"{a}-{b}": float(value) for (a, b), value in zip(shape.links, parameters.resistance_k_per_w, strict=True)},
        "heat_capacities_j_per_k": dict(zip(shape.nodes, map(float, parameters.heat_capacity_j_per_k), strict=True)),
        "ambient_c": parameters.ambient_c,
        "time_constants_s": [float(tau) for tau in parameters.time_constants_s],
        "rms_k": result.fit.rms_k,
        "samples": result.fit.samples,
    }


def _write(result: Calibration, args: argparse.Namespace) -> None:
    import sys

    from sim.experiment.thermal_calibration import fragment
    from sim.report.atomic_file import atomic_file

    if args.output is not None:
        with atomic_file(args.output) as stream:
            stream.write(fragment(result, args.trace.name))
        print(f"wrote {args.output}", file=sys.stderr)
    if args.plot is not None:
        _draw(result, args.plot)
        print(f"wrote {args.plot}", file=sys.stderr)


def _check_plot(path: Path | None) -> None:
    """Before the work, not after it."""
    from importlib.util import find_spec

    from sim.errors import EdgesimError

    if path is not None and find_spec("matplotlib") is None:
        raise EdgesimError("--plot needs matplotlib; install it with: pip install 'edgesim[plots]' (the plot on the terminal needs nothing)")


def _draw(result: Calibration, path: Path) -> None:
    from importlib import import_module

    from device_models.thermal_fit import temperatures
    from sim.errors import EdgesimError

    import_module("matplotlib").use("Agg")
    pyplot = import_module("matplotlib.pyplot")
    trace = result.trace
    figure, axes = pyplot.subplots(figsize=(9, 5))
    axes.plot(trace.time_s, trace.temperature_c, ".", label="measured")
    axes.plot(trace.time_s, temperatures(result.fit.parameters, result.profile, trace), label=f"fitted, rms {result.fit.rms_k:.2f} K")
    axes.set(xlabel="time [s]", ylabel="temperature [degC]")
    axes.legend()
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise EdgesimError(f"cannot write {str(path)!r}: {error}") from None
    finally:
        pyplot.close(figure)
