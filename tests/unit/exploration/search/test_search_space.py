"""Spaces: how many combinations there are, what is open when, and what choices come to."""

import pytest

from sim.errors import EdgesimError
from sim.exploration.search.space import search_space

CONDITIONAL = {
    "models.net.precision": ["float16", "int8"],
    "models.net.placement": {"choices": [{"prefer": ["npu"]}, {"prefer": ["cpu"]}, {"prefer": ["gpu"]}], "when": {"models.net.precision": "int8"}},
    "device.memory.bandwidth": {"from": "10 GB/s", "to": "40 GB/s", "step": "10 GB/s"},
}


def test_every_combination_stands_once_and_a_closed_axis_is_not_written():
    space = search_space(CONDITIONAL, {"net": {}})
    found = [space.changes(chosen) for chosen in space.every()]
    assert space.count() == len(found) == len({str(one) for one in found}) == (1 + 3) * 4
    for changes in found:
        assert ("models.net.placement" in dict(changes)) == (dict(changes)["models.net.precision"] == "int8")
    assert {dict(changes)["device.memory.bandwidth"] for changes in found} == {"10 GB/s", "20 GB/s", "30 GB/s", "40 GB/s"}


def test_a_condition_may_stand_before_what_it_looks_at():
    space = search_space(dict(reversed(CONDITIONAL.items())), {"net": {}})
    assert [decision.name for decision in space.decisions][-1] == "models.net.placement"
    assert space.count() == 16


def test_probes_try_every_value_that_is_not_between_two_others():
    tried = {(path, str(value)) for _, changes in search_space(CONDITIONAL, {"net": {}}).probes() for path, value in changes}
    assert {("models.net.placement", str({"prefer": [unit]})) for unit in ("npu", "cpu", "gpu")} <= tried
    assert {("device.memory.bandwidth", "10 GB/s"), ("device.memory.bandwidth", "40 GB/s")} <= tried


def test_an_architecture_stands_for_its_choices():
    space = search_space({"models.net": {"architecture": "once_for_all", "resolution": [160, 192]}, "seed": [1, 2]}, {"net": {"source": "once_for_all"}})
    chosen = space.choose(lambda decision: 0)
    changes = dict(space.changes(chosen))
    assert changes["models.net.options.resolution"] == 160
    assert len(changes["models.net.options.depths"]) == 5
    assert changes["seed"] == 1
    with pytest.raises(EdgesimError, match="the source is resnet50"):
        search_space({"models.net": {"architecture": "once_for_all"}}, {"net": {"source": "resnet50"}})
