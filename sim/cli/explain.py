"""``edgesim explain``: what a run's numbers are made of, and what would mend it, simulated."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.exploration.what_if import Explained
    from sim.report.explain_page import Tried
    from sim.report.findings.finding import Finding, WhatIf
    from sim.scenario.loading import LoadedScenario, Read

ABOUT = """\
The number before a finding is what it costs: a share of the time of an answer, of the energy, of the memory, or of a budget's limit. Below it stand
changes that may mend it, each simulated, the best first, with the flags that make the same run by hand. A change may cost something else: every metric
that moves is named. Green: budgets are held better, or answers come sooner or cost less with budgets held as before.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = ABOUT
    parser.add_argument("run", metavar="RUN", help="a scenario, the name of a shipped one, or a folder or run file that edgesim run --out wrote")
    what = "change a value of the scenario first; may be repeated"
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="overrides", help=what)
    parser.add_argument("--seed", type=int, metavar="N", help="seed of the random streams instead of the scenario's")
    parser.add_argument("--rule", action="append", default=[], metavar="NAME", help="only findings of this rule; may be repeated")
    parser.add_argument("--limit", type=int, default=8, metavar="N", help="at most so many findings (default 8)")
    parser.add_argument("--rules", action="store_true", help="list the rules instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write findings and what-ifs with all their numbers")


def run(args: argparse.Namespace) -> int:
    from sim.cli.run import simulated
    from sim.errors import EdgesimError
    from sim.experiment.names import known_names
    from sim.exploration.estimated_numbers import NAME, estimated_findings
    from sim.exploration.evaluate import Evaluator
    from sim.report.budgets import judge
    from sim.report.findings import findings
    from sim.report.metrics import measure
    from sim.scenario.loading import loaded_scenario

    if args.rules or args.limit < 1:
        return _list_rules(args)
    _check_rules(args.rule)
    read = _read(args)
    loaded = loaded_scenario(read, known_names())
    if loaded.scenario.trace != "full":
        print(f"trace: {loaded.scenario.trace} keeps no spans: rules that look at single stages have nothing to say", file=sys.stderr)
    _, result = simulated(loaded, quiet=True)
    metrics = measure(result)
    verdicts = judge(metrics, result.scenario, result.device)
    found = findings(result, metrics, verdicts)
    if not args.rule or NAME in args.rule:
        numbers, why_not = estimated_findings(loaded, Evaluator(read.data, loaded.directory), result.cpu_s)
        found = sorted([*found, *numbers], key=lambda one: -one.weight_ratio)
        print(why_not, end="\n" if why_not else "", file=sys.stderr)
    found = [one for one in found if not args.rule or one.rule in args.rule][: args.limit]
    if not found:
        print("nothing is worth a word" + (f" to {', '.join(args.rule)}" if args.rule else ""))
        return 0
    try:
        return _explain(found, loaded, read, args)
    except BrokenPipeError:
        raise
    except EdgesimError as error:  # the scenario itself has just been run
        raise RuntimeError(f"a what-if could not be made: {error}") from error


def _list_rules(args: argparse.Namespace) -> int:
    from sim.cli.table import print_table
    from sim.errors import EdgesimError
    from sim.exploration.estimated_numbers import ABOUT, NAME
    from sim.report.findings import RULES

    if args.limit < 1:
        raise EdgesimError(f"--limit {args.limit}: at least 1")
    print_table(["rule", "what it finds"], [*([rule.NAME, rule.ABOUT] for rule in RULES), [NAME, ABOUT]])
    return 0


def _check_rules(wanted: list[str]) -> None:
    from sim.errors import EdgesimError
    from sim.exploration.estimated_numbers import NAME
    from sim.registry import near_names
    from sim.report.findings import RULES

    known = [*(rule.NAME for rule in RULES), NAME]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise EdgesimError("; ".join(f"--rule {name}: no such rule; {near_names(name, known)}" for name in unknown))


def _read(args: argparse.Namespace) -> Read:
    """The scenario that is meant, as plain data: of a run the one it keeps. Raises EdgesimError."""
    from dataclasses import replace

    from sim.cli.shipped import scenario_path
    from sim.errors import EdgesimError, Problem
    from sim.report.run_file.read import read_run
    from sim.report.run_file.write import RUN_FILE
    from sim.scenario.loading import read_source
    from sim.scenario.study import study_kind

    path = Path(args.run)
    if path.is_dir() or path.suffix == Path(RUN_FILE).suffix:
        kept = read_run(path).data.get("scenario_yaml")
        if not isinstance(kept, str):
            raise EdgesimError(Problem(str(path), what="keeps no scenario: what would mend it cannot be simulated; name the scenario itself"))
        # without a line break it would be taken for a file's name; relative files are looked for beside the run
        read = read_source(kept + "\n", args.overrides, args.seed)
        return replace(read, file=str(path), directory=path if path.is_dir() else path.parent)
    read = read_source(scenario_path(args.run), args.overrides, args.seed)
    kind = study_kind(read.data)
    if kind is not None:
        raise EdgesimError(f"{args.run} is a study of many devices ({kind}); explain looks at runs of one device")
    return read


def _explain(found: list[Finding], loaded: LoadedScenario, read: Read, args: argparse.Namespace) -> int:
    from rich.text import Text

    from sim.exploration.evaluate import Evaluator
    from sim.exploration.what_if import explained
    from sim.report.console import console, print_lines, report_width, stream_glyphs
    from sim.report.explain_page import explained_lines
    from sim.report.findings_section import findings_data
    from sim.report.metrics_json import write_result
    from sim.report.safe_text import printable
    from sim.report.sheet import StudySheet

    evaluate = Evaluator(read.data, loaded.directory)
    base, answers = explained(found, evaluate)
    page, target = StudySheet(report_width(sys.stdout), stream_glyphs()), console()
    many = "" if len(found) == 1 else "s"
    head = [Text(printable(f"{loaded.scenario.name} on {loaded.device.title}")), Text(f"{len(found)} finding{many}, the costliest first")]
    print_lines(target, [*page.flow(head, indent=0), Text("")])
    data = findings_data(found)
    for number, one in enumerate(answers):
        tried = [_tried(args, answer.what_if, one, at) for at, answer in enumerate(one.answers)]
        print_lines(target, explained_lines(number + 1, one.finding, tried, base.metrics, page))
        data[number]["what_ifs"] = [
            {"title": each.title, "flags": each.command, "metrics": each.metrics, **({"why": each.why} if each.why else {})} for each in tried
        ]
    if args.json:
        write_result({"schema": "edgesim.explain/1", "scenario": loaded.scenario.name, "metrics": dict(base.metrics), "findings": data}, args.json)
    return 0


def _tried(args: argparse.Namespace, what_if: WhatIf, explained_: Explained, at: int) -> Tried:
    from sim.report.explain_page import Tried
    from sim.report.findings_section import change_texts

    answer = explained_.answers[at]
    flags = " ".join(f"--set {shlex.quote(text)}" for text in change_texts(what_if.changes))
    return Tried(what_if.title, flags, dict(answer.outcome.metrics) if answer.is_possible else None, answer.why_not[:200])
