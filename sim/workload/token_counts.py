"""How long prompts and answers are: token counts drawn from a scenario's distributions, one after the other."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import numpy as np

from sim.errors import EdgesimError, Problem
from sim.registry import near_names
from sim.scenario.generation import Draft, FixedTokens, LognormalTokens, SharedPrefix, TokenChoice, TraceTokens, UniformTokens
from sim.workload.popularity import zipf_shares

_BLOCK = 1024
_MAX_ROWS = 10_000_000


def token_counts(choice: TokenChoice, rng: np.random.Generator, directory: Path) -> Iterator[int]:
    """Counts without end, each at least 1."""
    if isinstance(choice, int | FixedTokens):
        fixed = choice if isinstance(choice, int) else choice.tokens
        return cycle([fixed])
    if isinstance(choice, TraceTokens):
        return cycle(read_token_counts(directory / choice.file, choice.column))
    return _drawn(_blocks_of(choice), rng)


def longest(choice: TokenChoice, directory: Path) -> int | None:
    """The most tokens a choice can give; None where nothing but the context limits it."""
    if isinstance(choice, int):
        return choice
    if isinstance(choice, FixedTokens):
        return choice.tokens
    if isinstance(choice, TraceTokens):
        return max(read_token_counts(directory / choice.file, choice.column))
    return choice.max


def mean_tokens(choice: TokenChoice, directory: Path) -> float:
    """The mean of a choice."""
    if isinstance(choice, UniformTokens):
        return (choice.min + choice.max) / 2
    if isinstance(choice, LognormalTokens):
        return float(choice.mean)
    if isinstance(choice, TraceTokens):
        return float(np.mean(read_token_counts(directory / choice.file, choice.column)))
    return float(choice if isinstance(choice, int) else choice.tokens)


def prefix_groups(prefix: SharedPrefix, rng: np.random.Generator) -> Iterator[int]:
    """The group of each request's prefix; -1: it has one of its own."""
    edges = np.cumsum(zipf_shares(prefix.groups, float(prefix.zipf)))
    hit_rate = 1.0 if prefix.hit_rate is None else float(prefix.hit_rate)

    def block() -> np.ndarray:
        groups = np.minimum(np.searchsorted(edges, rng.random(_BLOCK), side="right"), prefix.groups - 1)
        return np.where(rng.random(_BLOCK) < hit_rate, groups, -1)

    while True:
        yield from block().tolist()


def accepted_counts(draft: Draft, rng: np.random.Generator, steps: int) -> np.ndarray:
    """How many proposed tokens the target accepts in each of ``steps`` steps, ``[steps]``, 0 to ``draft.tokens``."""
    if isinstance(draft.acceptance, tuple):
        shares = np.array([float(share) for share in draft.acceptance])
    else:  # the first refusal ends the accepted run
        rate = float(draft.acceptance)
        shares = np.array([rate**count * (1.0 - rate) for count in range(draft.tokens)] + [rate**draft.tokens])
    edges = np.cumsum(shares)
    return np.minimum(np.searchsorted(edges / edges[-1], rng.random(steps), side="right"), draft.tokens)


def read_token_counts(path: Path, column: str) -> list[int]:
    """A column of whole numbers of at least 1. Raises EdgesimError with file and line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.reader(stream)
            header = [name.strip() for name in next(rows, [])]
            if column not in header:
                what = f"no column {column!r} in the header; {near_names(column, header) if header else 'the file is empty'}"
                raise EdgesimError(Problem(str(path), 1, 1, what=what))
            found = [_count(row, header.index(column), path, line) for line, row in enumerate(rows, 2) if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise EdgesimError(Problem(str(path), what=f"cannot be read: {getattr(error, 'strerror', None) or error}")) from None
    if not found or len(found) > _MAX_ROWS:
        raise EdgesimError(Problem(str(path), 1, what=f"{len(found)} counts below the header; give 1 to {_MAX_ROWS:,}"))
    return found


def _count(row: list[str], at: int, path: Path, line: int) -> int:
    text = row[at].strip() if at < len(row) else ""
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 1_000_000):
        raise EdgesimError(Problem(str(path), line, what=f"{text!r} is no number of tokens; give a whole number from 1 to 1000000"))
    return int(text)


def _blocks_of(choice: UniformTokens | LognormalTokens) -> Callable[[np.random.Generator], np.ndarray]:
    if isinstance(choice, UniformTokens):
        return lambda rng: rng.integers(choice.min, choice.max + 1, _BLOCK)
    mean, deviation = float(choice.mean), float(choice.deviation)
    spread = math.log(1.0 + (deviation / mean) ** 2)  # variance of the logarithm
    most = choice.max or 1_000_000
    return lambda rng: np.clip(np.rint(rng.lognormal(math.log(mean) - spread / 2, math.sqrt(spread), _BLOCK)), 1, most).astype(int)


def _drawn(block: Callable[[np.random.Generator], np.ndarray], rng: np.random.Generator) -> Iterator[int]:
    while True:
        yield from block(rng).tolist()
