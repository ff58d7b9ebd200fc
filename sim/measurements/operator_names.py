"""Names of operators without what engines add to them."""

from __future__ import annotations

import re

_SUFFIXES = re.compile(
    r"(_kernel_time|_token_\d+|_nchwc|_quant(?:ized)?|_QuantizeLinear|_DequantizeLinear|_fused|_transformed|/fq_output_0|:\d+)$", re.IGNORECASE
)
_PREFIXES = re.compile(r"^(?:fused[ _]|PWN\(|\{ForeignNode\[|Delegate/|\(Unnamed Layer\*? \d+\))", re.IGNORECASE)
_JOINTS = re.compile(r"\s\+\s|\+|;|,\s*|\s\|\|\s|\.\.\.")
_TRIVIAL = re.compile(r"\d*")


def plain_name(text: str) -> str:
    """A name as it stood in the model, for comparing: ``/conv1/Conv_token_12`` and ``conv1/Conv:0`` are ``conv1/conv``."""
    name = text.strip().strip("[]{}()\"' ")
    while (shorter := _SUFFIXES.sub("", _PREFIXES.sub("", name)).strip("[]{}()\"' ")) != name:
        name = shorter
    return name.strip("/").lower()


def names_in(text: str) -> tuple[str, ...]:
    """Every name a fused one is made of (``a+b``, ``[a;b]:3``, ``a, b``), compared as by :func:`plain_name`; the whole first."""
    whole = re.sub(r"\]:\d+$", "]", text.strip())
    found = dict.fromkeys([plain_name(whole), *(plain_name(part) for part in _JOINTS.split(whole))])
    return tuple(name for name in found if name and not _TRIVIAL.fullmatch(name))
