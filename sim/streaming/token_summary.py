"""What is kept of a stage's answers where their rows are not: counts, and quantiles of the times to and between tokens."""

from __future__ import annotations

import numpy as np

from sim.streaming.quantile_sketch import QuantileSketch


class TokenSummary:
    """Of requests that arrived after ``warmup_s``; gaps of those that ended after it. Times in seconds, ``pace`` in tokens per second."""

    def __init__(self, warmup_s: float) -> None:
        self.warmup_s = warmup_s
        self.first_token, self.gaps, self.pace = QuantileSketch(), QuantileSketch(), QuantileSketch()
        self.finished = self.prompt_tokens = self.output_tokens = self.later_tokens = self.steps = 0

    def add(self, arrival_s: float, prompt: int, output: int, first_s: float, last_s: float, steps: int, finished: bool) -> None:
        """An answer that has ended, or is cut off by the end of the run. ``first_s``: NaN for one without a token."""
        if arrival_s < self.warmup_s or first_s != first_s:
            return
        self.first_token.extend(np.array([first_s - arrival_s]))
        self.finished += finished
        self.prompt_tokens += prompt
        self.output_tokens += output
        self.later_tokens += output - 1
        self.steps += steps
        if finished and output > 1:
            self.pace.extend(np.array([(output - 1) / max(last_s - first_s, 1e-12)]))

    def add_gaps(self, time_s: np.ndarray, gap_s: np.ndarray, answers: np.ndarray) -> None:
        """Times since the token before, ``[n]``, each of so many ``answers``."""
        counted = time_s >= self.warmup_s
        self.gaps.extend(np.repeat(np.maximum(gap_s[counted], 0.0), answers[counted].astype(np.int64)))
