"""The section of a report on queues before models: batch sizes, padding, waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.report.batching_metrics import QueueMetrics
from sim.report.numbers import count, percent, seconds, three_digits
from sim.report.page import Page
from sim.report.safe_text import shortened
from sim.report.sparkline import histogram_bars

if TYPE_CHECKING:
    from rich.text import Text

_NAME = 14
_BARS = 32  # cells of a histogram, about


def batching_lines(page: Page) -> list[Text]:
    """A line or two per queue, and how its batch sizes are distributed; nothing where no stage has a queue of its own."""
    from rich.text import Text

    if not page.metrics.queues:
        return []
    lines = [page.heading("queues")]
    for name, queue in page.metrics.queues.items():
        lines += page.facts(shortened(name, _NAME - 1), _facts(queue), _NAME + 1)
        if queue.buckets_count[-1] > 1 and queue.batches_count:
            sizes = ", ".join(str(size) for size in queue.buckets_count)
            lines += page.flow([_sizes(queue, page), Text(f"compiled for {sizes}", style="dim")], indent=_NAME + 1)
    return lines


def _facts(queue: QueueMetrics) -> list[str]:
    facts = []
    if queue.mean_batch_count is not None and queue.buckets_count[-1] > 1:
        facts += [f"batches of {three_digits(queue.mean_batch_count)} on average", f"{count(queue.batches_count)} batches"]
        facts += [f"padding {percent(queue.padding_ratio or 0.0, 2)}"]
    elif queue.mean_batch_count is not None:
        facts += [f"{count(queue.requests_count)} requests"]
    else:
        facts += ["no request was served"]
    if queue.mean_wait_s is not None and queue.max_wait_s is not None:
        facts += [f"waiting {seconds(queue.mean_wait_s)} on average, {seconds(queue.max_wait_s)} at most" if queue.max_wait_s > 0 else "nobody waited"]
    if queue.busy_ratio is not None:
        replicas = f"{queue.replicas_count} replicas " if queue.replicas_count > 1 else ""
        facts += [f"{replicas}busy {percent(queue.busy_ratio, 2)}"]
    if queue.refused_count:
        facts += [f"{count(queue.refused_count)} refused"]
    return facts


def _sizes(queue: QueueMetrics, page: Page) -> Text:
    from rich.text import Text

    largest = queue.buckets_count[-1]
    bars = histogram_bars(queue.batches_by_size_count, largest * max(_BARS // largest, 1) if largest <= _BARS else _BARS, page.glyphs)
    title = ("1 ", "dim") if largest > 1 else ("", "")
    return Text.assemble(title, page.glyphs.ends[0], (bars, "cyan"), page.glyphs.ends[1], (f" {largest}", "dim"))
