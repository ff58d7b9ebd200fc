"""How few queries prove a percentile: the early stopping of MLPerf Inference (from v1.1 on), by exact binomial tails.

A system that answers exactly the share ``percentile`` of its queries within some latency would still show ``over`` or fewer slower ones
among ``queries`` by chance. Where the probability of that is below ``1 - CONFIDENCE``, the queries that were seen prove that the
percentile lies below that latency. Rules: mlcommons/inference_policies, inference_rules.adoc, appendix on early stopping; reference:
mlcommons/inference, loadgen/early_stopping.cc and results.cc (confidence 0.99, tolerance 0).
"""

from __future__ import annotations

import math

CONFIDENCE = 0.99


def binomial_tail(most: int, trials: int, probability: float) -> float:
    """The probability of at most ``most`` events in ``trials``, each with ``probability`` (0 < p < 1)."""
    if most < 0:
        return 0.0
    if most >= trials:
        return 1.0
    if most > trials * probability:  # the smaller side is summed: no term of it is lost in the rounding of a sum near 1
        return 1.0 - _sum_down(trials - most - 1, trials, 1.0 - probability)
    return _sum_down(most, trials, probability)


def _sum_down(most: int, trials: int, probability: float) -> float:
    """Terms from the largest down to those that no longer count; ``most`` lies below the mean."""
    log_term = math.lgamma(trials + 1) - math.lgamma(most + 1) - math.lgamma(trials - most + 1)
    log_term += most * math.log(probability) + (trials - most) * math.log1p(-probability)
    odds = (1.0 - probability) / probability
    total, share = 1.0, 1.0
    for events in range(most, 0, -1):
        share *= events / (trials - events + 1) * odds
        total += share
        if share < 1e-18 * total:
            break
    return min(math.exp(log_term) * total, 1.0)


def proves(queries: int, over: int, percentile: float) -> bool:
    """Whether ``queries``, of which ``over`` took longer than some latency, prove that the percentile (a share of one) is within it."""
    return binomial_tail(over, queries, 1.0 - percentile) < 1.0 - CONFIDENCE


def queries_needed(over: int, percentile: float) -> int:
    """The fewest queries that prove the percentile although ``over`` of them took longer."""
    high = over + 1
    while not proves(high, over, percentile):
        high *= 2
    low = over  # proves nothing: all were slow
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if proves(middle, over, percentile) else (middle, high)
    return high


def most_over(queries: int, percentile: float) -> int | None:
    """The most slow queries among ``queries`` with which the percentile is still proved; None where not even one is allowed."""
    if not proves(queries, 1, percentile):
        return None
    low, high = 1, queries
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if proves(queries, middle, percentile) else (low, middle)
    return low
