"""Damaged, hostile and random YAML ends in a scenario or in an EdgesimError whose problems have places; nothing else, and soon."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.scenario.arrival_trace import read_arrival_trace
from sim.scenario.loading import LoadedScenario, load_scenario

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
FILES = sorted(SCENARIOS.glob("*.yaml"))
MUTATIONS_OF_EACH = 80

# Fragments that mean something to YAML, to the schema, or to neither.
FRAGMENTS = (
    *"[]{}:,-?&*!|>'\"%@`#~\t\n\0",
    *("<<: *x", "&x", "*x", "!!python/name:os.system", "---\n", "...\n", "null", "true", ".inf", "-.nan", "1e999", "0x", "9" * 40, "1:30", "é", "\u2028"),
    *("\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "\ufeff", "-1 ", "0 ", "1e300 TB"),
    *("kind: ", "model: ", "after: [", "per: {", "base: ", "../" * 5, "[" * 100, "- " * 60),
)


def mutated(text: str, draw: random.Random) -> str | bytes:
    """One to four random damages of a text: bytes flipped, pieces deleted, repeated, moved, or fragments inserted."""
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(text) + 1), draw.choice((1, 1, 2, 5, 20, 200))
        piece = text[at : at + length]
        match draw.randrange(7):
            case 0:
                text = text[:at] + text[at + length :]
            case 1:
                text = text[:at] + piece * draw.randint(2, 20) + text[at + length :]
            case 2:
                text = text[:at] + draw.choice(FRAGMENTS) + text[at:]
            case 3:
                text = text[:at] + chr(draw.choice((draw.randrange(128), draw.randrange(0xD7FF)))) + text[at + 1 :]
            case 4:
                lines = text.split("\n")
                lines.insert(draw.randrange(len(lines) + 1), lines[draw.randrange(len(lines))])
                text = "\n".join(lines)
            case 5:
                lines = text.split("\n")
                line = draw.randrange(len(lines))
                lines[line] = draw.choice(("", " ", "  ", "      ", "\t")) + lines[line].lstrip(draw.choice((" ", "")))
                text = "\n".join(lines)
            case 6:
                other = draw.randrange(len(text) + 1)
                text = text[:other] + piece + text[other:]
    if draw.random() < 0.1:
        damaged = bytearray(text.encode("utf-8", "surrogatepass"))
        for _ in range(draw.randint(1, 5)):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        return bytes(damaged)
    return text


def outcome(text: str | bytes, folder: Path, file: Path, **options: object) -> LoadedScenario | EdgesimError:
    """The scenario, or the error; an error names a problem, and each problem can be shown."""
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    try:
        return load_scenario(file, directory=folder, known=known_names(), **options)  # type: ignore[arg-type]
    except EdgesimError as error:
        assert error.problems
        assert all(problem.what for problem in error.problems)
        str(error).encode()
        return error


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_mutations_of_the_shipped_scenarios(path, tmp_path):
    draw = random.Random(path.stem)
    text = path.read_text(encoding="utf-8")
    for _ in range(MUTATIONS_OF_EACH):
        result = outcome(mutated(text, draw), SCENARIOS, tmp_path / "fuzzed.yaml")
        if isinstance(result, LoadedScenario):
            result.canonical_text()
            [workload.stage_dependencies() for workload in result.scenario.workloads.values()]


@pytest.mark.timeout(120)
def test_mutations_of_a_device_file(tmp_path):
    from device_models.catalog.catalog import device_names, device_path

    draw = random.Random(0)
    scenario = "name: a\ndevice: ./device.yaml\nduration: 1 s\nworkloads: {w: {arrival: {kind: closed}, pipeline: [{work: {}, unit: x}]}}\n"
    for name in device_names()[:4]:
        text = device_path(name).read_text(encoding="utf-8")
        for _ in range(MUTATIONS_OF_EACH // 4):
            damaged = mutated(text, draw)
            (tmp_path / "device.yaml").write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode("utf-8", "surrogatepass"))
            outcome(scenario, tmp_path, tmp_path / "scenario.yaml")


PARTS = ("workloads", "camera", "pipeline", "0", "1", "9", "unit", "device", "memory", "bandwidth", "budgets", "per", "scheduler", "", " ", "x")
PATHS = st.lists(st.sampled_from(PARTS), max_size=6).map(".".join)
VALUES = st.one_of(st.text(max_size=20), st.sampled_from(("1 s", "[1, {a: b}]", "{base: phone}", "null", "[" * 99, "1e9", "!!str x", "*x", "&x [*x]")))


@settings(max_examples=150, deadline=None)
@given(override=st.one_of(st.text(max_size=40), st.tuples(PATHS, VALUES).map("=".join)))
def test_any_override(override, tmp_path_factory):
    text = (SCENARIOS / "phone_camera.yaml").read_text(encoding="utf-8")
    outcome(text, SCENARIOS, tmp_path_factory.getbasetemp() / "override.yaml", overrides=[override])


KEYS = ("arrival", "kind", "rate", "pipeline", "model", "work", "after", "name", "base", "per", "file", "x")
ROOT_KEYS = ("name", "device", "duration", "models", "workloads", "scheduler", "governors", "budgets", "seed", "memory", "warmup")
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(("1 s", "30 Hz", "cpu", "periodic", "trace")),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


@settings(max_examples=200, deadline=None)
@given(parts=st.dictionaries(st.sampled_from(ROOT_KEYS), PLAIN | st.dictionaries(st.text(max_size=5), PLAIN, max_size=3)))
def test_any_mapping(parts):
    try:
        load_scenario(parts)
    except EdgesimError as error:
        assert error.problems
        str(error)


CELLS = st.one_of(st.floats(), st.integers(), st.text(max_size=8), st.sampled_from(("", '"', "1,2", "1e400", "-0", " 3 ")))


@settings(max_examples=200, deadline=None)
@given(rows=st.one_of(st.binary(max_size=200), st.lists(CELLS, max_size=8).map(lambda cells: "time_s\n" + "\n".join(map(str, cells)))))
def test_any_arrival_trace(rows, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "trace.csv"
    path.write_bytes(rows if isinstance(rows, bytes) else rows.encode("utf-8", "surrogatepass"))
    try:
        times = read_arrival_trace(path, "time_s")
    except EdgesimError as error:
        assert all(problem.file == str(path) for problem in error.problems)
    else:
        assert len(times) and (times >= 0).all() and (times[1:] >= times[:-1]).all()
