"""Numbers of networks: decimal, as they are rated."""

from __future__ import annotations

import pytest

from sim.report.budgets import Verdict
from sim.report.numbers import bit_rate, traffic


@pytest.mark.parametrize(("value", "shown"), [(0, "0 B"), (999.4, "999 B"), (999.6, "1 kB"), (25e6, "25 MB"), (2.5e12, "2.5 TB")])
def test_traffic(value: float, shown: str) -> None:
    assert traffic(value) == shown


@pytest.mark.parametrize(("value", "shown"), [(0, "0 bit/s"), (0.01, "0.08 bit/s"), (124.99, "1 kbit/s"), (864, "6.91 kbit/s"), (2.2e8, "1.76 Gbit/s")])
def test_rates_of_links(value: float, shown: str) -> None:
    assert bit_rate(value) == shown


@pytest.mark.parametrize(("limit", "shown"), [(3e12, "3 TB"), (20e6, "20 MB"), (64e3, "64 kB"), (2.0**28, "256 MiB"), (1.5 * 2.0**30, "1.5 GiB")])
def test_a_limit_is_shown_with_the_prefixes_it_was_given_with(limit: float, shown: str) -> None:
    assert Verdict("memory", "memory", "", "bytes", limit, limit, False, True, "").limit_text == shown
