"""The section of a report on stages that adapt: exits taken, cascades, models chosen, caches, and the accuracy of the mixture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from device_models.units import format_quantity
from sim.report.adaptive_metrics import CacheMetrics, MixtureAccuracy, MixtureMetrics
from sim.report.numbers import count, percent
from sim.report.page import Page
from sim.report.safe_text import printable, shortened

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 14
_WAYS_SHOWN = 12


def adaptive_lines(page: Page) -> list[Text]:
    """A line or two for each stage that adapts; none where none does."""
    found = page.metrics.adaptive
    if found is None:
        return []
    lines = [page.heading("adaptive inference")]
    for kind, mixtures in (("exits", found.exits), ("cascade", found.cascades), ("chosen", found.selections)):
        for name, mixture in mixtures.items():
            lines += _mixture_lines(name, kind, mixture, page)
    for name, cache in found.caches.items():
        lines += page.facts(shortened(name, _NAME - 1), _cache_facts(cache), _NAME + 1)
    return lines


def _mixture_lines(name: str, kind: str, mixture: MixtureMetrics, page: Page) -> list[Text]:
    title = f"{kind} {printable(mixture.policy, 40)}".rstrip()
    facts = [f"{title}, {count(mixture.decided_count)} decided:"]
    for way, metrics in list(mixture.ways.items())[:_WAYS_SHOWN]:
        share = "-" if metrics.share_ratio is None else percent(metrics.share_ratio)
        right = "" if metrics.accuracy_ratio is None else f" ({percent(metrics.accuracy_ratio)} right)"
        facts.append(f"{shortened(way, 24)} {share}{right}")
    if len(mixture.ways) > _WAYS_SHOWN:
        facts.append(f"and {len(mixture.ways) - _WAYS_SHOWN} more")
    lines = page.facts(shortened(name, _NAME - 1), facts, _NAME + 1)
    return lines + page.wrapped("", _accuracy_text(mixture.accuracy), _NAME + 1, "dim")


def _accuracy_text(accuracy: MixtureAccuracy) -> str:
    if accuracy.value_ratio is not None:
        how = "each answer recorded as right or wrong" if accuracy.kind == "exact" else "expected of each way's accuracy"
        return f"accuracy {percent(accuracy.value_ratio)} ({how})"
    if accuracy.low_ratio is not None and accuracy.high_ratio is not None:
        return f"accuracy unknown, between {percent(accuracy.low_ratio)} and {percent(accuracy.high_ratio)}: {printable(accuracy.note, 400)}"
    return f"accuracy unknown: {printable(accuracy.note, 400)}"


def _cache_facts(cache: CacheMetrics) -> list[str]:
    hits = "no lookups" if cache.hit_ratio is None else f"{percent(cache.hit_ratio)} of {count(cache.hits_count + cache.misses_count)} lookups hit"
    facts = [f"cache {printable(cache.policy, 40)}, {hits}"]
    entries = f"{count(cache.entries_count)} {'entry' if cache.entries_count == 1 else 'entries'}"
    facts.append(f"{entries}, {format_quantity(cache.used_bytes, 'bytes')} of {format_quantity(cache.capacity_bytes, 'bytes')}")
    facts += [f"{count(number)} {what}" for number, what in ((cache.evictions_count, "evicted"), (cache.expirations_count, "expired")) if number]
    return facts
