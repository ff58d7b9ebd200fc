"""Token rates of language models on phones, boards and laptops: decoding and reading the prompt."""

from __future__ import annotations

from functools import cache
from typing import Any

from device_models.spec import DeviceSpec
from sim.fidelity.bare_devices import alone, rows
from sim.fidelity.case import Case, Regime
from sim.fidelity.llm_fit import Fit, Kernels, class_of, fit_class, line_of
from sim.fidelity.predict import compiled
from sim.scenario.model import ModelUse

LEAST_CAPACITY = 2048
FIRST_LINE = 2  # of the data file, behind its header


class TokenRates:
    """Published token rates (``llm_tokens.csv``), one figure of each network and device once."""

    name = "llm_decode"
    title = "language models: tokens per second"
    regimes: tuple[Regime, ...] = ("in-sample", "leave-family-out", "zero-shot", "k-shot")

    def cases(self) -> list[Case]:
        return list(_cases())

    def devices(self, cases: list[Case], regime: Regime, shots: int = 3) -> list[DeviceSpec | None]:
        fits = [_fit_for(case, regime, shots) for case in cases]
        return [None if found is None else found.device(case) for case, found in zip(cases, fits, strict=True)]


def _fit_for(case: Case, regime: Regime, shots: int) -> Fit | None:
    """What a case is predicted with; None where nothing else of its class, or on its device, was measured."""
    peers = classes()[class_of(case)]
    elsewhere = tuple(other.line for other in peers if other.device != case.device)
    here = tuple(other.line for other in peers if line_of(other) == line_of(case) and other.family != case.family)
    if regime == "zero-shot":
        return fitted(elsewhere) if elsewhere else None
    if regime == "in-sample":
        return fitted(tuple(other.line for other in peers))
    if not here:
        return None
    if regime == "k-shot":
        return fitted(here[:shots], elsewhere)
    return fitted(tuple(other.line for other in peers if other.family != case.family))


@cache
def classes() -> dict[tuple[str, ...], list[Case]]:
    """The cases that share parameters, by what they share."""
    found: dict[tuple[str, ...], list[Case]] = {}
    for case in _cases():
        found.setdefault(class_of(case), []).append(case)
    return found


@cache
def fitted(lines: tuple[int, ...], elsewhere: tuple[int, ...] = ()) -> Fit:
    """The fit of one class to the measurements at these lines; with ``elsewhere``, of factors on the class's parameters fitted there."""
    known = fitted(elsewhere) if elsewhere else None
    found = fit_class([_cases()[line - FIRST_LINE] for line in lines], price, known)
    return found if known is None else Fit({**known.of_class, **found.of_class}, {**known.of_device, **found.of_device})


def price(case: Case, device: DeviceSpec) -> float:
    """The law's tokens per second, without the engine: for fits."""
    return _kernels(case.line).tokens_per_s(device)


@cache
def _kernels(line: int) -> Kernels:
    case = _cases()[line - FIRST_LINE]
    return Kernels.of(compiled(ModelUse.model_validate(dict(case.use)), case.spec), case, str(case.use["runtime"]))


@cache
def _cases() -> tuple[Case, ...]:
    return tuple(_case(row, line) for line, row in enumerate(rows("llm_tokens.csv"), start=FIRST_LINE))


def _case(row: dict[str, str], line: int) -> Case:
    prefill = row["phase"] == "prefill"
    tokens, context = int(row["tokens"]), int(row["context"])
    options: dict[str, Any] = {"phase": row["phase"], "context": context, "capacity": max(LEAST_CAPACITY, tokens + context)}
    use: dict[str, Any] = {
        "source": row["model"],
        "options": {**options, "sequence": tokens} if prefill else options,
        "runtime": row["runtime"],
        "precision": row["precision"],
        "placement": {"prefer": [row["unit"]]},
    }
    if row["threads"]:
        use["threads"] = int(row["threads"])
    spec = alone(row["device"], row["unit"])
    return Case(
        dataset="llm_decode",
        group=f"{row['phase']}, {spec.units[row['unit']].kind.upper()}",
        device=row["device"],
        spec=spec,
        unit=row["unit"],
        model=f"{row['model']} {row['precision']}",
        family=row["family"],
        use=use,
        metric="prefill_tokens_per_s" if prefill else "decode_tokens_per_s",
        measured=float(row["tokens_per_s"]),
        source=row["source"],
        line=line,
        kind=row["precision"],
    )


DATASET = TokenRates()
