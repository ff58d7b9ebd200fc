"""``edgesim report``: pages and stills from runs, results, sweeps and scenarios."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sim.exploration.outcome import Outcome
from sim.exploration.point import Point


def _data(page: Path) -> dict[str, Any]:
    text = page.read_text()
    start = text.index('id="edgesim-data">') + len('id="edgesim-data">')
    return dict(json.loads(text[start : text.index("</script>", start)]))


def test_scenario_and_its_run_give_the_same_page(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    assert edgesim("run", scenario, "--out", tmp_path / "out", "--quiet").code == 0
    for source, name in ((scenario, "a"), (tmp_path / "out", "b"), (tmp_path / "out" / "run.edgesim", "c")):
        done = edgesim("report", source, "-o", tmp_path / f"{name}.html")
        assert done.code == 0 and f"{name}.html" in done.out
    a, b, c = (tmp_path / f"{name}.html" for name in "abc")
    assert a.read_bytes() == b.read_bytes() == c.read_bytes()
    assert _data(a)["result"] == json.loads((tmp_path / "out" / "metrics.json").read_text())


def test_result_file_makes_a_page_of_its_numbers(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    assert edgesim("run", scenario, "--json", tmp_path / "r.json", "--quiet").code == 0
    done = edgesim("report", tmp_path / "r.json", "-o", tmp_path / "r.html")
    assert done.code == 0 and "no spans" in done.err
    assert "no spans" in _data(tmp_path / "r.html")["notes"][0]


def test_cut_run_file_makes_a_page_of_what_is_left(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    assert edgesim("run", scenario, "--out", tmp_path / "out", "--quiet").code == 0
    file = tmp_path / "out" / "run.edgesim"
    file.write_bytes(file.read_bytes()[:-3000])
    done = edgesim("report", file, "-o", tmp_path / "r.html")
    assert done.code == 0 and "truncated or damaged" in done.err
    assert _data(tmp_path / "r.html")["result"]["metrics"]


def test_results_of_a_sweep(edgesim: Callable[..., Any], tmp_path: Path) -> None:
    from sim.exploration.store.record import SweepRecord
    from sim.exploration.store.store import Store

    with Store.open(tmp_path / "sweep.db") as store:
        store.begin(SweepRecord("ab" * 32, "cd" * 32, "name: s", ("clock",), points=3))
        for number in range(3):
            point = Point(number, (("clock", 10 * number),))
            store.add(Outcome(point, f"{number:064x}", "{}", {"latency_p99_s": 0.1 * number, "energy_j": 1.0}, (), "done", 0.1))
    done = edgesim("report", tmp_path / "sweep.db", "--where", "latency_p99_s > 50 ms", "-o", tmp_path / "s.html")
    assert done.code == 0, done.err
    sweep_data = _data(tmp_path / "s.html")["sweep"]
    assert len(sweep_data["rows"]) == 2 and {"name": "clock", "side": "axis"} in sweep_data["columns"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere.edgesim",), "no run file"),
        (("nothing_of_this_name",), "nothing_of_this_name"),
        (("{out}", "--set", "duration=1 s"), "only for a scenario"),
        (("{out}", "--where", "a > 1"), "only for a results file"),
        (("{out}", "-o", "/nowhere/at/all.html"), "cannot write"),
        (("{out}", "--plot", "{tmp}/x.bmp"), "ends in .png, .svg, .pdf"),
        (("{out}", "--plot", "{tmp}/x.png", "--still", "energi"), "energy"),
        (("federated_keyboard",), "study of many devices"),
    ],
)
def test_mistakes(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    out = tmp_path / "out"
    if "{out}" in arguments:
        assert edgesim("run", scenario, "--out", out, "--quiet").code == 0
    done = edgesim("report", *(argument.format(out=out, tmp=tmp_path) for argument in arguments))
    assert done.code == 2 and said in done.err


def test_stills(edgesim: Callable[..., Any], scenario: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert edgesim("run", scenario, "--out", tmp_path / "out", "--quiet").code == 0
    assert edgesim("report", tmp_path / "out", "--plot", tmp_path / "stills").code == 0
    made = {path.name: path.read_bytes() for path in (tmp_path / "stills").iterdir()}
    assert {name.split(".")[0] for name in made} == {"timeline", "latency", "roofline", "energy", "temperature"}
    assert all(content.startswith(b"\x89PNG") == name.endswith(".png") for name, content in made.items())
    assert edgesim("report", tmp_path / "out", "--plot", tmp_path / "energy.svg").code == 0
    assert (tmp_path / "energy.svg").read_bytes() == made["energy.svg"]
