"""Lengths of prompts and answers, shared prefixes and accepted proposals follow the distributions they are drawn from."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from sim.scenario.generation import Draft, SharedPrefix, TokenChoice
from sim.workload.token_counts import accepted_counts, longest, mean_tokens, prefix_groups, token_counts

HERE = Path()
DRAWN = 40_000


def drawn(raw: object, seed: int = 1) -> np.ndarray:
    choice = TypeAdapter(TokenChoice).validate_python(raw)
    return np.array(list(islice(token_counts(choice, np.random.default_rng(seed), HERE), DRAWN)))


@pytest.mark.parametrize("raw", [258, "258 tokens", {"kind": "fixed", "tokens": 258}])
def test_a_fixed_length(raw: object) -> None:
    assert set(drawn(raw).tolist()) == {258}


def test_uniform_lengths() -> None:
    found = drawn({"kind": "uniform", "min": 10, "max": 29})
    assert set(found.tolist()) == set(range(10, 30))
    assert abs(found.mean() - 19.5) < 2.58 * np.sqrt((20**2 - 1) / 12 / DRAWN)


def test_lognormal_lengths_have_the_mean_and_deviation_asked_for() -> None:
    found = drawn({"kind": "lognormal", "mean": 300, "deviation": 150})
    assert abs(found.mean() - 300) < 2.58 * 150 / np.sqrt(DRAWN) + 0.5
    assert found.std() == pytest.approx(150, rel=0.03) and found.min() >= 1
    assert drawn({"kind": "lognormal", "mean": 300, "deviation": 150, "max": 400}).max() == 400
    assert drawn({"kind": "lognormal", "mean": 0.1, "deviation": 0.1}).min() == 1


def test_recorded_lengths_come_in_order_and_again(tmp_path: Path) -> None:
    (tmp_path / "lengths.csv").write_text("answer,prompt\n5,12\n7,40\n")
    choice = TypeAdapter(TokenChoice).validate_python({"kind": "trace", "file": "lengths.csv", "column": "prompt"})
    assert list(islice(token_counts(choice, np.random.default_rng(0), tmp_path), 5)) == [12, 40, 12, 40, 12]
    assert longest(choice, tmp_path) == 40 and mean_tokens(choice, tmp_path) == 26


def test_popularity_of_prefixes_follows_zipf() -> None:
    prefix = SharedPrefix.model_validate({"tokens": 10, "groups": 50, "zipf": 1.2})
    found = np.array(list(islice(prefix_groups(prefix, np.random.default_rng(2)), DRAWN)))
    weights = np.arange(1, 51) ** -1.2
    shares = weights / weights.sum()
    seen = np.bincount(found, minlength=50) / DRAWN
    assert (np.abs(seen - shares) < 3.9 * np.sqrt(shares * (1 - shares) / DRAWN) + 1e-9).all(), "99 % for fifty groups together"


def test_some_requests_have_a_prefix_of_their_own() -> None:
    prefix = SharedPrefix.model_validate({"tokens": 10, "hit_rate": 0.6})
    found = np.array(list(islice(prefix_groups(prefix, np.random.default_rng(2)), DRAWN)))
    assert set(found.tolist()) == {-1, 0} and abs((found == 0).mean() - 0.6) < 2.58 * np.sqrt(0.24 / DRAWN)


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("tokens", [1, 4, 8])
def test_accepted_proposals_against_the_closed_form(rate: float, tokens: int) -> None:
    """Expected tokens of a step, the target's own included: (1 - a^(g+1)) / (1 - a) (Leviathan et al. 2023)."""
    draft = Draft.model_validate({"model": "small", "tokens": tokens, "acceptance": rate})
    found = 1 + accepted_counts(draft, np.random.default_rng(3), DRAWN)
    expected = tokens + 1 if rate == 1 else (1 - rate ** (tokens + 1)) / (1 - rate)
    assert draft.expected_tokens() == pytest.approx(expected)
    assert abs(found.mean() - expected) <= 2.58 * max(found.std(), 1e-12) / np.sqrt(DRAWN) + 1e-12
    assert found.min() >= 1 and found.max() <= tokens + 1


def test_accepted_proposals_of_a_given_distribution() -> None:
    draft = Draft.model_validate({"model": "small", "tokens": 2, "acceptance": ["20 %", 0.5, 0.3]})
    found = accepted_counts(draft, np.random.default_rng(4), DRAWN)
    assert np.bincount(found) / DRAWN == pytest.approx([0.2, 0.5, 0.3], abs=0.01)
    assert draft.expected_tokens() == pytest.approx(1 + 0.5 + 0.6)
