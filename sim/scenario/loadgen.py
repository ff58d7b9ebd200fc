"""MLPerf LoadGen's scenarios as a workload writes them, with the defaults of its published configuration.

Sources: mlcommons/inference, loadgen/mlperf.conf (durations, percentiles, samples of a query, counts of MultiStream and Offline) and
loadgen/test_settings.h (``min_query_count`` where the configuration sets none).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, Tag

from device_models.figure import Figure, Quantity
from sim.scenario.part import Part, PositiveTime, Time, Whole


def _number(raw: Any) -> Any:
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        raise ValueError("expected a percentile, a number between 0 and 100, such as 99")
    return raw


Percentile = Annotated[float, BeforeValidator(_number), Field(gt=0, lt=100)]
QueryRate = Annotated[Figure, Quantity("count", gt=0, le=1e9)]
QueryCount = Annotated[Whole, Field(ge=1, le=100_000_000)]
_OFFLINE_SLACK = 1.1  # LoadGen prepares a tenth more samples than it expects to need (loadgen/test_settings_internal.cc)


class _LoadGen(Part):
    min_duration_s: Time = Field(default=Figure(600.0), alias="min_duration", description="queries go out at least so long")


class SingleStream(_LoadGen):
    """One query of one sample at a time, the next when it is answered; the result is a percentile of the latency."""

    scenario: Literal["SingleStream"] = "SingleStream"
    percentile: Percentile = Field(default=90.0, description="of the latency that is the result")
    min_query_count: QueryCount = Field(default=100, description="at least so many queries")


class MultiStream(_LoadGen):
    """One query of several samples at a time, the next when all are answered; the result is a percentile of the queries' latency."""

    scenario: Literal["MultiStream"] = "MultiStream"
    samples_per_query: Annotated[Whole, Field(ge=1, le=1_000_000)] = Field(default=8, description="samples of a query, each a request of its own")
    percentile: Percentile = Field(default=99.0, description="of the latency that is the result")
    min_query_count: QueryCount = Field(default=662, description="at least so many queries")


class Server(_LoadGen):
    """Queries of one sample at random moments; the rate is valid if the percentile of the latency keeps its bound."""

    scenario: Literal["Server"] = "Server"
    target_qps: QueryRate = Field(description="queries a second on average, such as 100 (a Poisson process)")
    target_latency_s: PositiveTime = Field(alias="target_latency", description="the bound of the latency at the percentile, such as 15 ms")
    percentile: Percentile = Field(default=99.0, description="of the latency that keeps the bound")
    min_query_count: QueryCount = Field(default=100, description="at least so many queries")


class Offline(_LoadGen):
    """All samples in one query at the start; the result is samples a second."""

    scenario: Literal["Offline"] = "Offline"
    target_qps: QueryRate = Field(default=Figure(1.0), description="samples a second that are expected: 1.1 times as many as min_duration needs are sent")
    min_query_count: QueryCount = Field(default=24_576, description="at least so many samples")

    @property
    def samples(self) -> int:
        """Samples of the query."""
        return max(self.min_query_count, int(_OFFLINE_SLACK * float(self.min_duration_s) * float(self.target_qps)))


LoadGen = Annotated[
    Annotated[SingleStream, Tag("SingleStream")]
    | Annotated[MultiStream, Tag("MultiStream")]
    | Annotated[Server, Tag("Server")]
    | Annotated[Offline, Tag("Offline")],
    Field(discriminator="scenario"),
]
