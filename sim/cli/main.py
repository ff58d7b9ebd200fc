"""``edgesim``: reads the command, loads only what that command needs, and turns errors into messages and exit codes.

Exit codes: 0 all went well (for ``run``: every budget held), 1 a budget is not held, 2 a mistake of the user, 70 a fault of edgesim,
130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module

# command -> what it does; each is the module sim.cli.<command> with add_arguments(parser) and run(args) -> exit code
COMMANDS = {
    "run": "simulate a scenario, show what happened, judge it by its budgets",
    "profile": "a model on a device, operator by operator: unit, time, bound, bytes, energy",
    "validate": "check scenario files and print every mistake",
    "report": "a run or a sweep as an interactive page: one HTML file, nothing to install",
    "compare": "two runs side by side",
    "explain": "what a run's numbers are made of, and what would mend it, simulated",
    "optimize": "techniques tried on a scenario, what each one buys, and the winning scenario",
    "sweep": "a scenario at every point of its axes: best, Pareto front, what each axis does",
    "search": "trials chosen by what earlier ones gave: the best trade-offs of hardware, compression and architecture",
    "results": "what sweeps and searches have found, as a table, CSV, JSON or Parquet",
    "sensitivity": "which number of the device moves which metric, as a tornado chart",
    "loadgen": "MLPerf LoadGen's verdict, and the highest valid rate of a Server",
    "calibrate": "parameters of a device fitted to measurements",
    "fidelity": "predictions beside published measurements, and how far off they are",
    "compress": "an ONNX model compressed for real, and what it costs in accuracy",
    "digits": "compression, recovery and distillation measured on a small network",
    "schema": "the JSON Schema of scenario files",
    "scenarios": "the scenarios that come with edgesim",
    "devices": "the catalogue of devices, every number with its source",
    "models": "the built-in models",
    "runtimes": "inference engines and what they run where",
    "policies": "schedulers, governors and placements",
}
INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; returns the exit code and raises nothing but SystemExit (argparse) on the way."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    # Matrices here have a dozen rows: the thread pool that OpenBLAS starts when numpy is imported costs more than the whole run,
    # and one thread adds numbers in one order on every machine. Whoever sets the variable has his way.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return _command(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return _closed_pipe()
    except OSError as error:
        return _cannot_write(error)
    except Exception as error:
        from sim.cli.failure import report_failure

        return report_failure(error)


def parser_for(command: str | None) -> argparse.ArgumentParser:
    """The parser; only ``command``'s own arguments are filled in, so that no other command is imported."""
    parser = argparse.ArgumentParser(
        prog="edgesim",
        description="Will this model, on this device, hold its latency, energy, memory and heat budget?",
        epilog="edgesim COMMAND --help tells more; the first run: edgesim run phone_camera",
        formatter_class=_help,
    )
    parser.add_argument("--version", action="version", version="edgesim " + _version() if command == "--version" else "")
    table = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        own = table.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", formatter_class=_help)
        if name == command:
            import_module(f"sim.cli.{name}").add_arguments(own)
    return parser


def _help(prog: str) -> argparse.HelpFormatter:
    """Help as wide as the terminal, up to 100 columns. (argparse would import shutil and six compression modules to find out.)"""
    try:
        columns = os.get_terminal_size().columns
    except OSError:
        columns = 80
    return argparse.HelpFormatter(prog, max_help_position=28, width=min(columns, 100) - 2)


def _command(arguments: list[str]) -> int:
    chosen = next((argument for argument in arguments if argument in COMMANDS or argument == "--version"), None)
    args = parser_for(chosen).parse_args(arguments)
    code = import_module(f"sim.cli.{args.command}").run(args)
    sys.stdout.flush()  # a closed pipe is noticed here, not at exit
    return int(code)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("edgesim")
    except PackageNotFoundError:
        return "(not installed)"


def _closed_pipe() -> int:
    """The reader of our output went away (``| head``): stop without a word."""
    _discard_output()
    return 128 + 13  # as a shell reports a program that SIGPIPE ended


def _cannot_write(error: OSError) -> int:
    """A full disk or a broken one under standard output is nobody's fault here; any other error of the system is one of edgesim."""
    import errno

    if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
        from sim.cli.failure import report_failure

        return report_failure(error)
    _discard_output()
    print(f"error: cannot write the output: {error.strerror}", file=sys.stderr)
    return 2


def _discard_output() -> None:
    """Python flushes standard output once more at its end; what is still waiting then goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
