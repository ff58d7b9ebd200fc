"""A warning where requests come faster than they can be answered and nothing holds them back; before the run, at its line."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from sim.cli.main import main
from sim.experiment.simulate import prepare
from sim.scenario.loading import load_scenario
from sim.trace import Status

HEAD = "name: load\ndevice: raspberry_pi_4\nduration: 2 s\ngovernors: {cpu: performance}\n"


def _service_s(work: str) -> float:
    text = HEAD + f"workloads: {{w: {{arrival: {{kind: closed}}, count: 1, pipeline: [{{work: {{operations: {work}}}}}]}}}}"
    trace = prepare(load_scenario(text)).run().trace
    return float(trace.requests["end_s"][0])


def _warnings(text: str) -> list[str]:
    return [str(problem) for problem in prepare(load_scenario(HEAD + text)).warnings()]


def _workload(arrival: str, stage: str = "{work: {operations: 10 M}}", rest: str = "") -> str:
    return f"workloads:\n  w:\n    arrival: {arrival}\n    pipeline: [{stage}]\n{rest}"


@pytest.mark.parametrize(("load", "warned"), [(0.95, False), (1.05, True), (3.0, True)])
def test_utilisation_by_rate_and_length(load: float, warned: bool) -> None:
    rate = load / _service_s("10 M")
    found = _warnings(_workload(f"{{kind: poisson, rate: {rate} Hz}}"))
    assert bool(found) == warned
    if warned:
        assert f"(utilisation {100 * load:.0f} %), so the queue grows without end" in found[0]
        assert "workloads.w.arrival.rate" in found[0]


@pytest.mark.parametrize(
    "rest",
    [
        "    queue: {limit: 5}\n",
        "    drop_late: true\n    deadline: 1 s\n",
        "    admission: deadline\n    deadline: 1 s\n",
        "    admission: {name: token_bucket, rate: 5 Hz}\n",
        "    admission: shed_by_priority\n",
        "    count: 10\n",
    ],
)
def test_none_where_something_holds_requests_back(rest: str) -> None:
    assert _warnings(_workload("{kind: poisson, rate: 100 kHz}", rest=rest)) == []
    assert _warnings(_workload("{kind: closed, clients: 100}")) == []


@pytest.mark.parametrize("rest", ["    drop_late: true\n", "    admission: deadline\n", "    admission: {name: token_bucket, rate: 50 kHz}\n"])
def test_what_holds_nothing_back_does_not_count(rest: str) -> None:
    """Without a deadline nothing is late, and a bucket may fill faster than requests are answered."""
    assert len(_warnings(_workload("{kind: poisson, rate: 100 kHz}", rest=rest))) == 1


def _utilisation(pipeline: str, models: str = "{}") -> float:
    """In percent of one unit, at 1,000 requests a second."""
    text = f"models: {models}\nworkloads:\n  w: {{arrival: {{kind: poisson, rate: 1 kHz}}, pipeline: [{pipeline}]}}\n"
    found = _warnings(text)
    return float(found[0].partition("utilisation ")[2].partition(" %")[0]) if found else 0.0


WORK = "work: {operations: 100 M}"


@pytest.mark.parametrize(
    ("before", "share"),
    [
        (f"{{name: a, {WORK}}}", 1.0),
        (f"{{name: a, {WORK}, exit: {{rate: 75 %}}}}", 0.25),
        (f"{{name: a, {WORK}, probability: 50 %, exit: {{rate: 80 %}}}}", 0.1),
        ("{name: a, cache: {size: 30, entry: 1 kB, key: {zipf: 0, items: 100}}, lookup: 1 ms}", 0.7),
        ("{name: a, cache: {bytes: 10 kB, entry: 1 kB, key: {zipf: 1, items: 20}}, lookup: 1 ms}", 1 - 2.9289682539682538 / 3.5977396571436817),
    ],
)
def test_answers_that_are_good_enough_spare_what_follows(before: str, share: float) -> None:
    """As enumerated: what a cascade or a cache surely lets through, no more, so that no warning comes too early."""
    one = _utilisation(f"{{name: b, {WORK}}}")
    first = one * (0.5 if "50 %" in before else 1.0) if "work" in before else 0.0
    assert _utilisation(f"{before}, {{name: b, {WORK}}}") == pytest.approx(first + share * one, abs=1.0)


def test_stages_left_out_leave_out_what_names_them() -> None:
    one = _utilisation(f"{{name: b, {WORK}}}")
    first, second = f"{{name: a, {WORK}, exit: {{rate: 60 %}}}}", f"{{name: b, {WORK}, unless: [a], exit: {{rate: 50 %}}}}"
    chain = f"{first}, {second}, {{name: c, {WORK}, unless: [b]}}, {{name: d, {WORK}}}"
    assert _utilisation(chain) == pytest.approx((1 + 0.4 + 0.2 + 1) * one, abs=1.0)


def test_branches_that_meet_again_count_once() -> None:
    one = _utilisation(f"{{name: b, {WORK}}}")
    diamond = f"{{name: a, {WORK}, probability: 50 %}}, {{name: b, {WORK}}}, {{name: c, {WORK}, after: [a]}}, {{name: d, {WORK}, after: [b, c]}}"
    assert _utilisation(diamond) == pytest.approx(2 * one, abs=1.0)


def test_exits_and_choices_count_with_what_is_certain_of_them() -> None:
    layers = "input: {shape: [1, 4096]}, layers: [{op: dense, out: 4096, name: one}, {op: dense, out: 4096, name: two}], precision: int8"
    small = "input: {shape: [1, 4096]}, layers: [{op: dense, out: 4096}], precision: int8"
    whole, part = _utilisation("{model: m}", f"{{m: {{{layers}}}}}"), _utilisation("{model: m}", f"{{m: {{{small}}}}}")
    assert 100 < part < 0.6 * whole
    some = _utilisation("{model: m}", f"{{m: {{{layers}, exits: [{{after: one, probability: 75 %}}]}}}}")
    assert some == pytest.approx(part + 0.25 * (whole - part), rel=0.05)
    chosen = _utilisation("{select: {policy: round_robin, among: [m, s]}}", f"{{m: {{{layers}}}, s: {{{small}}}}}")
    assert chosen == pytest.approx(part, rel=0.01)


def test_probabilities_and_repeats_count() -> None:
    rate = 1.5 / _service_s("10 M")
    for stage, warned in (("probability: 0.5", False), ("repeat: 2, probability: 0.5", True), ("probability: 0.9", True)):
        assert bool(_warnings(_workload(f"{{kind: periodic, rate: {rate} Hz}}", f"{{work: {{operations: 10 M}}, {stage}}}"))) == warned


def test_workloads_that_share_a_unit_are_named_together() -> None:
    rate = 0.7 / _service_s("10 M")
    text = "workloads:\n" + "".join(f"  {name}: {{arrival: {{kind: poisson, rate: {rate} Hz}}, pipeline: [{{work: {{operations: 10 M}}}}]}}\n" for name in "ab")
    first, second = _warnings(text)
    assert "requests together with b come faster than cpu can answer them (utilisation 140 %)" in first
    assert "together with a" in second


def test_full_batches_and_all_units_of_a_pool_count() -> None:
    """What one at a time cannot do, batches or two units can."""
    device = "name: load\ndevice: edge_server\nduration: 2 s\nmodels: {net: {source: resnet50, precision: float16, placement: {prefer: [gpu]}}}\n"

    def utilisation(stage: str, rate: float) -> float:
        found = prepare(load_scenario(device + _workload(f"{{kind: poisson, rate: {rate} Hz}}", stage))).warnings()
        return float(found[0].what.partition("utilisation ")[2].partition(" %")[0]) if found else 0.0

    alone = utilisation("{model: net}", 2000)
    assert utilisation("{model: net, batching: {max_size: 8}}", 2000) < 0.5 * alone
    assert utilisation("{model: net, batching: {max_size: 8}}", 600) == 0.0 < utilisation("{model: net}", 600)


def test_a_pool_has_what_its_units_have_together() -> None:
    """At the rate at which two clusters are just enough one of them is not, nor are both where another stage keeps one busy."""
    head = "name: load\ndevice: pixel_6\nduration: 2 s\n"

    def most(units: str, other: str = "") -> float:
        """Requests a second that it can answer, from the utilisation it is said to have at far more."""
        rate = 1e6
        text = head + f"workloads:\n  w: {{arrival: {{kind: poisson, rate: {rate} Hz}}, pipeline: [{{name: s, units: {units}, work: {{operations: 10 M}}}}]}}\n"
        (found,) = prepare(load_scenario(text + other)).warnings()
        return rate / (float(found.what.partition("utilisation ")[2].partition(" %")[0]) / 100)

    big, mid, both = most("[cpu_big]"), most("[cpu_mid]"), most("[cpu_big, cpu_mid]")
    assert both == pytest.approx(big + mid, rel=1e-3)
    half = f"  x: {{arrival: {{kind: poisson, rate: {big / 2} Hz}}, pipeline: [{{unit: cpu_big, work: {{operations: 10 M}}}}]}}\n"
    assert most("[cpu_big, cpu_mid]", half) == pytest.approx(big / 2 + mid, rel=1e-3)


def test_the_warned_queue_does_grow_and_the_other_does_not() -> None:
    """Batches just below and above capacity: the run bears out what was said before it."""
    ends = {}
    for rate in (550, 900):
        device = "name: load\ndevice: edge_server\nduration: 20 s\nmodels: {net: {source: resnet50, precision: float16, placement: {prefer: [gpu]}}}\n"
        experiment = prepare(load_scenario(device + _workload(f"{{kind: poisson, rate: {rate} Hz}}", "{model: net, batching: {max_size: 8}}")))
        trace = experiment.run().trace
        ends[rate] = (bool(experiment.warnings()), int((trace.requests["status"] == Status.UNFINISHED).sum()))
    assert ends[550][0] is False and ends[550][1] < 50
    assert ends[900][0] is True and ends[900][1] > 1000


def test_many_joins_take_no_time() -> None:
    stages = ["{name: s0, work: {operations: 1}}", "{name: t0, after: [], work: {operations: 1}}"]
    for index in range(1, 40):
        stages += [f"{{name: {letter}{index}, after: [s{index - 1}, t{index - 1}], work: {{operations: 1}}}}" for letter in "st"]
    assert _warnings(_workload("{kind: poisson, rate: 10 Hz}", ", ".join(stages))) == []


def test_validate_and_run_show_it_at_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    file = tmp_path / "load.yaml"
    file.write_text(HEAD + _workload("{kind: poisson, rate: 100 kHz}"), encoding="utf-8")
    for arguments, code in itertools.product((["validate", str(file)], ["run", str(file), "--quiet", "--no-interval", "--set", "duration=1 ms"]), (0,)):
        assert main(arguments) == code
        shown = capsys.readouterr()
        assert f"{file}:7:36: workloads.w.arrival.rate: warning: requests come faster than cpu can answer them" in shown.err
        assert "warning" not in shown.out


def test_a_language_model_that_cannot_keep_up() -> None:
    """As shipped it can; at a hundred times the rate most of the questions are never answered, as the warning says."""
    file = Path(__file__).resolve().parents[3] / "scenarios" / "edge_box_assistant.yaml"
    assert prepare(load_scenario(file)).warnings() == []
    experiment = prepare(load_scenario(file, overrides=("workloads.questions.arrival.rate=30 Hz", "duration=5 s", "warmup=0 s")))
    (warning,) = experiment.warnings()
    assert "come faster than assistant can answer them" in warning.what
    status = experiment.run().trace.requests["status"]
    assert (status == Status.UNFINISHED).mean() > 0.5


@pytest.mark.parametrize(
    ("shipped", "arrival", "rates"),
    [
        # a few requests a second are too many for prompts, of which others have had a part before, and for answers of which eight are written at once
        ("edge_box_assistant", "workloads.questions.arrival", (0.5, 3.0)),
        # a step of the large model and those of its draft
        ("chat_with_draft", "workloads.chat.arrival", (0.2, 0.6)),
    ],
)
def test_a_language_model_is_warned_of_before_it_is_far_beyond_what_it_can_do(shipped: str, arrival: str, rates: tuple[float, float]) -> None:
    file = Path(__file__).resolve().parents[3] / "scenarios" / f"{shipped}.yaml"
    for rate, warned in zip(rates, (False, True), strict=True):
        given = (f"{arrival}={{kind: poisson, rate: {rate} Hz}}", "duration=100 s", "warmup=0 s")
        experiment = prepare(load_scenario(file, overrides=given))
        status = experiment.run().trace.requests["status"]
        assert bool(experiment.warnings()) is warned
        assert bool((status == Status.UNFINISHED).mean() > 0.3) is warned
