"""``edgesim profile --cuts``: where a model can be cut in two."""

from __future__ import annotations

import json
from typing import Any

from sim.frontends.zoo import build
from sim.passes.cut import cuts


def test_every_valid_cut_has_a_line(edgesim: Any) -> None:
    done = edgesim("profile", "ds_cnn", "--device", "raspberry_pi_4", "--cuts")
    lines = done.out.splitlines()
    found = cuts(build("ds_cnn"))[1:-1]
    assert done.code == 0 and len(lines) == len(found) + 3
    assert [line.split()[0] for line in lines[1:-2]] == [cut.after for cut in found]
    assert lines[-1] == f"{len(found)} cuts, at {sum(cut.single for cut in found)} of them a single tensor crosses"


def test_as_json_with_units_and_state(edgesim: Any) -> None:
    done = edgesim("profile", "tinyllama_1.1b", "--device", "jetson_orin_nano", "--cuts", "--json")
    data = json.loads(done.out)
    assert data[0]["after"] is None and data[0]["work_before"]["value"] == 0 and data[-1]["work_before"]["value"] == 1
    assert all(entry["bytes"]["unit"] == "B" for entry in data)
    assert all(entry["valid"] == (not entry["split_state"]) for entry in data) and not all(entry["valid"] for entry in data)
