"""What goes with secure aggregation: the server only ever has sums of whole updates, of clients that have masked each other."""

from __future__ import annotations

from collections.abc import Iterator

from sim.scenario.known import Finding
from sim.scenario.raw import Raw

_NO_SUMS = {
    "top_k": "each client sends other elements, so masks would have to hide all of them and nothing would be saved",
    "sketch": "the server reads the sketch of every single client, which masks hide",
}


def secure_findings(study: Raw) -> Iterator[Finding]:
    """Problems of ``secure_aggregation`` with the rest of the study; none without it."""
    secure = study.get("secure_aggregation")
    if secure.value is None:
        return
    compression, rounds = study.get("compression"), study.get("rounds").get("kind")
    kind = compression.text() or compression.get("kind").text()
    if kind in _NO_SUMS:
        yield Finding(compression.path, f"{kind} does not go with secure_aggregation: {_NO_SUMS[kind]}; take int8, or leave one of the two out")
    if kind == "int8" and secure.get("bits").value is not None and secure.get("bits").whole() != 8:
        yield Finding(secure.get("bits").path, "compression: int8 says that elements have 8 bits before masking; leave bits out, or compression")
    if rounds.text() == "asynchronous":
        what = "clients mask each other when they begin together, which asynchronous ones do not; take synchronous rounds, or leave secure_aggregation out"
        yield Finding(secure.path, what, at_key=True)
