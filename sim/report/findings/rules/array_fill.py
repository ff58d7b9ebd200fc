"""Multiply-accumulate arrays that are poorly filled: depthwise layers, few channels, edges of tiles."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device_models.compute import max_frequency_hz
from device_models.kernel_costs import COMPUTE, bound, kernel_seconds
from sim.report.findings.examined import Examined
from sim.report.findings.finding import Finding
from sim.report.numbers import percent

NAME = "array_fill"
ABOUT = "compute-bound kernels that use little of the multiply-accumulate array"
LEAST_SHARE, MOST_FILL = 0.2, 0.3
_ARRAYS = ("npu", "tiny_npu", "dsp")


def find(run: Examined) -> Iterator[Finding]:
    for name, _, program in run.models():
        labels = np.array(program.kernels.labels, dtype=object)
        macs = np.asarray(program.kernels.work.macs, dtype=float)
        total_s = sum(run.metrics.models[name].units_s.values())
        for unit in {segment.unit for segment in program.segments if run.unit_kinds[segment.unit] in _ARRAYS}:
            spec, hz = run.result.device.units[unit], max_frequency_hz(run.result.device, unit)
            rows, seconds, computing = [np.zeros(0, dtype=int)], [np.zeros(0)], [np.zeros(0, dtype=bool)]
            for segment in (segment for segment in program.segments if segment.unit == unit):
                rows.append(np.arange(segment.first, segment.stop))
                seconds.append(kernel_seconds(segment.costs, hz))
                computing.append(bound(segment.costs, hz) == COMPUTE)
            at, taken, mine = np.concatenate(rows), np.concatenate(seconds), np.concatenate(computing)
            mine &= macs[at] > 0
            peak = float(spec.cores) * max(float(value) for value in spec.macs_per_cycle.values()) * hz
            ideal_s = macs[at] / peak
            poor = mine & (ideal_s < MOST_FILL * taken)
            lost_s = float((taken - ideal_s)[poor].sum())
            share = lost_s / total_s if total_s else 0.0
            if share < LEAST_SHARE:
                continue
            fill = float(ideal_s[poor].sum() / taken[poor].sum())
            longest = _longest(labels[at][poor], taken[poor])
            text = (
                f"{int(poor.sum())} kernels of {name} fill {percent(fill, 2)} of the array of {run.kind_title(unit)} ({longest}): "
                f"filled, an inference would take {percent(share, 2)} less"
            )
            evidence = {"model": name, "unit": unit, "kernels_count": int(poor.sum()), "fill_ratio": fill, "lost_s": lost_s}
            reached = {run.unit_kinds[other] for other in run.reachable(program.runtime)}
            what_ifs = tuple(run.moved(name, kind, (kind, "cpu")) for kind in ("gpu", "cpu") if kind in reached)
            yield Finding(NAME, text, share * run.share_of_requests(name), "the time of an answer", evidence, what_ifs)


def _longest(labels: np.ndarray, seconds: np.ndarray) -> str:
    """The operators that take longest together."""
    by_label: dict[str, float] = {}
    for label, taken in zip(labels.tolist(), seconds.tolist(), strict=True):
        head = str(label).partition("+")[0]
        by_label[head] = by_label.get(head, 0.0) + taken
    return ", ".join(sorted(by_label, key=lambda label: -by_label[label])[:2])
