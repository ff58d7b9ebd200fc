"""``edgesim calibrate device``: a device's parameters fitted to latencies a user measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from device_models.spec import DeviceSpec
    from sim.errors import Problem
    from sim.fidelity.device_calibration import DeviceCalibration
    from sim.fidelity.measured_names import Network

EPILOG = """\
A table has a header with the columns model, precision, threads, unit, runtime and ms (or latency_ms, latency_us, latency_s); model
and time are enough. Logs and reports of benchmark_model, ONNX Runtime, benchmark_app, trtexec, benchncnn, AI Hub and LoadGen are
read as they are. Measure warm latencies, one inference at a time, at the highest clocks, of networks that differ.
"""
WARNINGS_SHOWN = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EPILOG
    parser.add_argument("device", metavar="NAME", help="the device of the catalogue, or the device file, that was measured or comes closest")
    parser.add_argument("--measurements", required=True, nargs="+", type=Path, action="extend", metavar="FILE", help="measured latencies, in any known format")
    parser.add_argument("--runtime", metavar="NAME", help="the engine measurements were made with where they do not say; others are left out")
    parser.add_argument(
        "--model", action="append", default=[], metavar="NAME=MODEL", help="what a measured name is: a built-in model (MODEL,OPTION=VALUE) or a model file"
    )
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE", help="only rows of tables with this value")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.yaml", help="write the calibrated device")
    parser.add_argument("--force", action="store_true", help="replace FILE.yaml if it exists")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")


def run(args: argparse.Namespace) -> int:
    import json

    from sim.cli.calibration_table import calibration_data, print_calibration
    from sim.fidelity.device_calibration import calibrate_device
    from sim.fidelity.measured_cases import measured_cases
    from sim.measurements import read_measurements

    _check_output(args)
    device = _device(args.device)
    models = dict(_network(text) for text in args.model)
    readings = read_measurements(args.measurements, [_pair(text, "--where", "COLUMN=VALUE") for text in args.where])
    measured, warnings = measured_cases(readings, device, runtime=args.runtime, models=models)
    result = calibrate_device(measured, device)
    _warn([*warnings, *_limits(result)])
    if args.json:
        print(json.dumps(calibration_data(result), indent=1, allow_nan=False))
    else:
        print_calibration(result, args.measurements)
    _write(result, args)
    return 0


def _check_output(args: argparse.Namespace) -> None:
    """Before the work, not after it."""
    from sim.errors import EdgesimError

    output: Path | None = args.output
    if output is None:
        return
    if output.suffix.lower() not in (".yaml", ".yml"):
        raise EdgesimError(f"-o {output}: a device file ends in .yaml")
    if output.exists() and not args.force:
        raise EdgesimError(f"-o {output}: exists already; --force replaces it")
    if output.exists() and output.resolve() == Path(args.device).resolve():
        raise EdgesimError(f"-o {output}: is the device that is calibrated, and would be its own base; name another file")
    if not output.parent.is_dir():
        raise EdgesimError(f"-o {output}: there is no folder {str(output.parent)!r}")


def _device(text: str) -> DeviceSpec:
    from sim.errors import EdgesimError
    from sim.experiment.names import known_names
    from sim.scenario.device_file import resolve_device
    from sim.scenario.positions import Place, Places

    device, problems = resolve_device(text, Places.everywhere(text, Place()), Path(), known_names())
    if device is None or problems:
        raise EdgesimError(problems)
    return device


def _pair(text: str, option: str, form: str) -> tuple[str, str]:
    from sim.errors import EdgesimError

    name, equals, value = text.partition("=")
    if not (equals and name.strip() and value.strip()):
        raise EdgesimError(f"{option} {text}: expected {form}")
    return name.strip(), value.strip()


def _network(text: str) -> tuple[str, Network]:
    """NAME=MODEL or NAME=MODEL,OPTION=VALUE,... Raises EdgesimError for a model that is neither built in nor a file."""
    from sim.errors import EdgesimError
    from sim.fidelity.measured_names import Network
    from sim.frontends.zoo import MODELS
    from sim.registry import near_names
    from sim.scenario.files import is_model_file, missing_file
    from sim.scenario.yaml_source import parse_yaml

    name, target = _pair(text, "--model", "NAME=MODEL, for example net=mobilenet_v2,resolution=160")
    if is_model_file(target):
        if problem := missing_file(Path(target)):
            raise EdgesimError(f"--model {name}: {problem}")
        return name, Network(target, {})
    source, *options = target.split(",")
    if source not in MODELS:
        raise EdgesimError(f"--model {name}: unknown model {source!r}; {near_names(source, MODELS)}")
    pairs = (_pair(option, f"--model {name}: option", "OPTION=VALUE") for option in options)
    return name, Network(source, {key: parse_yaml(value, f"--model {name}").data for key, value in pairs})


def _limits(result: DeviceCalibration) -> list[Problem]:
    """What so few measurements cannot tell."""
    from sim.errors import Problem

    found = []
    for fitted in result.units:
        if len(fitted.models) == 1:
            what = (
                f"{fitted.unit}: one network tells one number, so the common speed of {fitted.unit} is fitted and hardly its balance of arithmetic, "
                "memory and overhead; measure networks that differ (one of large convolutions, one depthwise, one small)"
            )
            found.append(Problem(what=what))
        elif fitted.error is None:
            found.append(Problem(what=f"{fitted.unit}: {len(fitted.models)} networks are too few to say how well unseen ones are predicted"))
    return found


def _warn(warnings: list[Problem]) -> None:
    import sys

    from sim.report.safe_text import printable

    for warning in warnings[:WARNINGS_SHOWN]:
        print(printable(f"warning: {warning}"), file=sys.stderr)
    if len(warnings) > WARNINGS_SHOWN:
        print(f"and {len(warnings) - WARNINGS_SHOWN} more warnings", file=sys.stderr)


def _write(result: DeviceCalibration, args: argparse.Namespace) -> None:
    import os
    import sys

    from sim.fidelity.device_yaml import device_text
    from sim.report.atomic_file import atomic_file
    from sim.report.safe_text import printable
    from sim.scenario.files import is_device_file

    if args.output is None:
        return
    base = args.device
    if is_device_file(base):  # as the new file finds it
        base = os.path.relpath(base, args.output.parent)
    with atomic_file(args.output) as stream:
        stream.write(device_text(result, base, args.output.stem))
    print(printable(f"wrote {args.output}"), file=sys.stderr)
