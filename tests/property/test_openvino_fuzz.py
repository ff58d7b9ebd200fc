"""Damaged and hostile OpenVINO networks end in a graph or one ModelError: never another exception, a hang or gigabytes."""

from __future__ import annotations

import random
import re
import resource
import sys
from pathlib import Path

import pytest

from sim.errors import EdgesimError
from sim.frontends.openvino import import_openvino
from sim.frontends.recognition import measure_weights
from sim.graph.ir import Graph

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "frontends" / "openvino"))
from ir_models import Net, convolutional, quantized, various

MORE_MEMORY_KB = 500 * 1024
SEEDS = {"convolutional": convolutional, "quantized": quantized, "various": various}
NUMBERS = ("0", "-1", "-2", "1", "2", "3", "7", "99999999999999999999", "1e308", "nan", "", "x", "?", "1..4", "4294967296", "0,0", "1,1,1,1,1,1,1,1,1,1")


def attempt(path: Path, text: bytes, weights: bytes | None, mode: str = "warn") -> Graph | None:
    path.write_bytes(text)
    beside = path.with_suffix(".bin")
    beside.unlink(missing_ok=True)
    if weights is not None:
        beside.write_bytes(weights)
    try:
        return measure_weights(import_openvino(path, shapes={"batch": 1} if b'"?,' in text else {}, unknown_operators=mode))  # type: ignore[arg-type]
    except EdgesimError as error:
        assert error.problems and str(error)
        return None


@pytest.mark.parametrize("seed", SEEDS)
def test_changed_attributes(tmp_path: Path, seed: str) -> None:
    """Every attribute and extent is replaced by numbers that do not fit."""
    net, rng = SEEDS[seed](), random.Random(seed)
    text = net.text()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    places = [match.span(1) for match in re.finditer(r'="([^"]*)"|<dim>([^<]*)</dim>', text) if match.group(1) is not None]
    for start, end in rng.sample(places, min(len(places), 150)):
        attempt(tmp_path / "net.xml", (text[:start] + rng.choice(NUMBERS) + text[end:]).encode(), bytes(net.weights))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MORE_MEMORY_KB


@pytest.mark.parametrize("seed", SEEDS)
def test_damaged_bytes_and_cut_files(tmp_path: Path, seed: str) -> None:
    net, rng = SEEDS[seed](), random.Random(seed)
    text, weights = net.text().encode(), bytes(net.weights)
    assert attempt(tmp_path / "net.xml", text, weights, "error") is not None
    for _ in range(60):
        damaged = bytearray(text)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        attempt(tmp_path / "net.xml", bytes(damaged), weights)
        attempt(tmp_path / "net.xml", text[: rng.randrange(len(text))], weights)
        attempt(tmp_path / "net.xml", text, weights[: rng.randrange(len(weights))])


@pytest.mark.parametrize("seed", SEEDS)
def test_layers_and_edges_that_are_swapped_or_lost(tmp_path: Path, seed: str) -> None:
    rng = random.Random(seed)
    for _ in range(60):
        net = SEEDS[seed]()
        kind = rng.randrange(4)
        if kind == 0:
            net.edges.pop(rng.randrange(len(net.edges)))
        elif kind == 1:
            net.layers.pop(rng.randrange(len(net.layers)))
        elif kind == 2:
            i, j = rng.randrange(len(net.edges)), rng.randrange(len(net.edges))
            source = re.search(r'from-layer="\d+" from-port="\d+"', net.edges[j])
            assert source is not None
            net.edges[i] = re.sub(r'from-layer="\d+" from-port="\d+"', source.group(), net.edges[i])
        else:
            i, j = rng.randrange(len(net.layers)), rng.randrange(len(net.layers))
            kinds = [re.search(r'type="(\w+)"', net.layers[k]) for k in (i, j)]
            assert kinds[1] is not None
            net.layers[i] = re.sub(r'type="\w+" version', f"{kinds[1].group()} version", net.layers[i], count=1)
        attempt(tmp_path / "net.xml", net.text().encode(), bytes(net.weights))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'<?xml version="1.0"?><!DOCTYPE net [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><net version="11">&b;</net>', "document type"),
        (b'<?xml version="1.0"?><!DOCTYPE net SYSTEM "file:///etc/passwd"><net version="11"/>', "document type"),
        (b"<net version='11'>" + b"<layers>" * 60, "inside each other"),
        (b"<html><body/></html>", "not <net>"),
        (b"", "damaged or no XML"),
        (b"\x00\x01\x02", "damaged or no XML"),
        (b'<?xml version="1.0" encoding="no-such"?><net version="11"/>', "damaged or no XML"),
        (b'<net name="n" version="7"><layers><layer id="0" type="Input"/></layers></net>', "version '7'"),
        (b'<net name="n" version="11"><layers/></net>', "no layers"),
    ],
)
def test_files_that_are_no_networks(tmp_path: Path, text: bytes, message: str) -> None:
    path = tmp_path / "net.xml"
    path.write_bytes(text)
    with pytest.raises(EdgesimError, match=message):
        import_openvino(path)


def test_huge_claims_allocate_nothing(tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for shape in ("1000000,1000000,1000000", "9" * 18, "2,2,2,2,2,2,2,2,2,2,2,2"):
        net = Net()
        x = net.parameter("1,4")
        big = net.layer("Const", (), ((1,),), element_type="f32", shape=shape, offset=0, size=10**18)
        net.result(net.layer("Add", (x, big), ((1, 4),)))
        assert attempt(tmp_path / "net.xml", net.text().encode(), b"1234") is None
    for wanted in ([10**9, 10**9], [2**31]):
        net = Net()
        x = net.parameter("1")
        net.result(net.layer("Broadcast", (x, net.constant(wanted, "int64")), ((-1,),), opset=3, mode="numpy"))
        attempt(tmp_path / "net.xml", net.text().encode(), bytes(net.weights))
        net = Net()
        spread = net.layer("Broadcast", (net.constant([1.0]), net.constant(wanted, "int64")), ((-1,),), opset=3, mode="numpy")
        net.result(net.layer("Add", (net.parameter("1"), spread), ((1,),)))
        assert attempt(tmp_path / "net.xml", net.text().encode(), bytes(net.weights)) is None
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MORE_MEMORY_KB
