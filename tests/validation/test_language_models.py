"""Token rates of language models, and resident memory, through the simulator's whole path; the tables are printed."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from sim.fidelity.case import Dataset, Regime
from sim.fidelity.datasets import llm_decode, llm_memory
from sim.fidelity.predict import predict

# regime, phase -> most mean error, most median error that a change may leave: what is reached and a fifth more
BOUNDS: dict[tuple[Regime, str], tuple[float, float]] = {
    ("in-sample", "decode"): (0.12, 0.09),
    ("in-sample", "prefill"): (0.12, 0.08),
    ("leave-family-out", "decode"): (0.17, 0.12),
    ("leave-family-out", "prefill"): (0.24, 0.20),
    ("zero-shot", "decode"): (0.24, 0.14),
    ("zero-shot", "prefill"): (0.24, 0.20),
    ("k-shot", "decode"): (0.17, 0.12),
    ("k-shot", "prefill"): (0.22, 0.19),
}


@pytest.mark.parametrize("regime", llm_decode.DATASET.regimes)
def test_token_rates(regime: Regime) -> None:
    """Fits and all rates by the law the fits price; every eighth one also through the engine, which must agree."""
    cases = llm_decode.DATASET.cases()
    errors: dict[str, list[float]] = defaultdict(list)
    for position, (case, device) in enumerate(zip(cases, llm_decode.DATASET.devices(cases, regime, shots=1), strict=True)):
        if device is None:
            continue
        rate = llm_decode.price(case, device)
        if position % 8 == 0:
            assert predict(case, device) == pytest.approx(rate, rel=0.01)
        for group in (case.group, case.group.split(",")[0]):
            errors[group].append(abs(rate / case.measured - 1))
    print()
    for group, found in sorted(errors.items()):
        print(f"{regime:17s} {group:14s} {len(found):3d} rates   mean {np.mean(found):5.1%}   median {np.median(found):5.1%}")
    for phase in ("decode", "prefill"):
        mean, median = BOUNDS[regime, phase]
        assert np.mean(errors[phase]) <= mean and np.median(errors[phase]) <= median


@pytest.mark.parametrize(("regime", "most"), [("in-sample", 0.08), ("leave-family-out", 0.12), ("zero-shot", 0.4)])
def test_resident_memory(regime: Regime, most: float) -> None:
    errors = relative_errors(llm_memory.DATASET, regime)
    print(f"\nresident memory of ExecuTorch, {regime}: {len(errors)} programs, mean {np.mean(errors):.1%}, median {np.median(errors):.1%}")
    assert len(errors) == 6 and np.mean(errors) <= most


def relative_errors(dataset: Dataset, regime: Regime) -> list[float]:
    """Sizes of the errors of all cases the regime applies to."""
    cases = dataset.cases()
    pairs = zip(cases, dataset.devices(cases, regime), strict=True)
    return [abs(predict(case, device) / case.measured - 1) for case, device in pairs if device is not None]
