"""Checks of workloads that MLPerf's LoadGen drives: what goes together, and whether the run can last as long as the rules ask."""

from __future__ import annotations

from collections.abc import Iterator

from device_models.units import format_quantity
from sim.scenario.known import Finding
from sim.scenario.loadgen import MultiStream, Offline, Server, SingleStream
from sim.scenario.raw import Raw

MAX_SAMPLES = 1e8
MAX_AT_ONCE = 5e6  # of Offline: each that waits takes some six hundred bytes
_KINDS: dict[str, type[SingleStream | MultiStream | Server | Offline]] = {
    "SingleStream": SingleStream,
    "MultiStream": MultiStream,
    "Server": Server,
    "Offline": Offline,
}


def loadgen_findings(root: Raw) -> Iterator[Finding]:
    """Everything wrong with ``arrival`` and ``loadgen`` of the workloads."""
    duration_s, warmup_s = root.get("duration").quantity("time"), root.get("warmup").quantity("time") or 0.0
    for _, workload in root.get("workloads").items():
        if not isinstance(workload.value, dict):
            continue
        loadgen = workload.get("loadgen")
        if loadgen.value is None:
            if workload.get("arrival").value is None:
                what = "missing key 'arrival' (when requests arrive: kind periodic, poisson, closed or trace), or loadgen in its place"
                yield Finding(workload.path, what, at_key=True)
            continue
        yield from _beside(workload, loadgen)
        if loadgen.get("scenario").text() in _KINDS:
            yield from _times(workload, loadgen, duration_s, warmup_s)
            yield from _samples(loadgen)


def _beside(workload: Raw, loadgen: Raw) -> Iterator[Finding]:
    if workload.get("arrival").value is not None:
        yield Finding(loadgen.path, "a workload has either arrival or loadgen, not both; leave one out", at_key=True)
    if workload.get("count").value is not None:
        what = "count goes with arrival; loadgen sends queries until min_duration and min_query_count are reached"
        yield Finding(workload.get("count").path, what, at_key=True)


def _times(workload: Raw, loadgen: Raw, duration_s: float | None, warmup_s: float) -> Iterator[Finding]:
    start_s = workload.get("start").quantity("time") or 0.0
    if warmup_s > start_s:
        at = workload.get("start") if workload.get("start").value is not None else loadgen
        what = f"queries before the end of the warm-up ({warmup_s:g} s) would be judged and yet not counted; give the workload start: {warmup_s:g} s"
        yield Finding(at.path, what, at_key=True)
    least_s = _min_duration_s(loadgen)
    if duration_s is None or least_s is None:
        return
    room_s = duration_s - start_s
    if room_s <= 0:
        return  # said of start
    given = loadgen.get("min_duration")
    if least_s >= room_s:
        default = "" if given.value is not None else ", LoadGen's default"
        what = f"min_duration ({format_quantity(least_s, 'time')}{default}) leaves no time for answers before the end of the run, {room_s:g} s after the start"
        yield Finding((given if given.value is not None else loadgen).path, f"{what}; raise duration or lower min_duration", at_key=given.value is None)
    qps, count = loadgen.get("target_qps").quantity("count"), _min_query_count(loadgen)
    if loadgen.get("scenario").text() == "Server" and qps and count / qps > room_s:
        at = loadgen.get("min_query_count")
        what = f"{count} queries take {count / qps:.3g} s at a target_qps of {qps:g}, and the run ends after {room_s:g} s; raise duration or target_qps"
        yield Finding((at if at.value is not None else loadgen).path, what, at_key=at.value is None)


def _samples(loadgen: Raw) -> Iterator[Finding]:
    """More samples than a run can have."""
    kind, least_s = loadgen.get("scenario").text(), _min_duration_s(loadgen) or 0.0
    qps, each, count = loadgen.get("target_qps"), loadgen.get("samples_per_query"), _min_query_count(loadgen)
    rate = qps.quantity("count") or 0.0
    if kind == "Server" and rate * least_s > MAX_SAMPLES:
        yield Finding(qps.path, f"{rate * least_s:.3g} queries in {least_s:g} s; a run can have at most {MAX_SAMPLES:.0g}")
    if kind == "Offline" and rate * least_s > MAX_AT_ONCE:
        yield Finding(qps.path, f"{rate * least_s:.3g} samples in {least_s:g} s; at most {MAX_AT_ONCE:.0g} can wait at once: lower target_qps or min_duration")
    if kind == "Offline" and count > MAX_AT_ONCE:
        yield Finding(loadgen.get("min_query_count").path, f"{count} samples; at most {MAX_AT_ONCE:.0g} can wait at once")
    if kind == "MultiStream" and (samples := count * (each.whole() or 1)) > MAX_SAMPLES:
        yield Finding((each if each.value is not None else loadgen).path, f"{samples:.3g} samples at least; a run can have at most {MAX_SAMPLES:.0g}")


def _min_duration_s(loadgen: Raw) -> float | None:
    given = loadgen.get("min_duration")
    return given.quantity("time") if given.value is not None else float(SingleStream.model_fields["min_duration_s"].default)


def _min_query_count(loadgen: Raw) -> int:
    kind = _KINDS[loadgen.get("scenario").text() or ""]
    return loadgen.get("min_query_count").whole() or int(kind.model_fields["min_query_count"].default)
