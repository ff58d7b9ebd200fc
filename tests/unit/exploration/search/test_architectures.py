"""Spaces of architectures: how many there are, what is asked, and what they write into a scenario."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest

from sim.errors import EdgesimError
from sim.exploration.search.architectures import ARCHITECTURES, Choice, Space, Value, architecture_space
from sim.exploration.search.space import search_space
from sim.frontends.zoo import MODELS, build
from sim.scenario.loading import LoadedScenario, load_scenario

SPACES = list(ARCHITECTURES)
MODEL: dict[str, dict[str, Any]] = {
    "once_for_all": {"source": "once_for_all", "options": {"classes": 10}},
    "nasbench201": {"source": "nasbench201"},
    "digits_mlp": {"layers": [{"op": "dense", "out": 10}], "input": {"shape": [1, 64]}},
}


def drawn(space: Space, seed: int) -> dict[str, Value]:
    dice = random.Random(seed)
    return space.sample(lambda name, values: dice.choice(values))


def scenario(space: str, changes: dict[str, Any]) -> LoadedScenario:
    data = {
        "name": "t", "device": "raspberry_pi_4", "duration": "1 s", "models": {"v1.net": MODEL[space]},
        "workloads": {"w": {"arrival": {"kind": "closed"}, "pipeline": [{"model": "v1.net"}]}},
    }  # fmt: skip
    import json

    return load_scenario(data, overrides=[f"{path}={json.dumps(value)}" for path, value in changes.items()])


@pytest.mark.parametrize("name", SPACES)
def test_contract(name: str) -> None:
    """Names told apart, values given, and every need an earlier choice that always has to be made."""
    space = ARCHITECTURES[name]
    seen: dict[str, Choice] = {}
    for choice in space.choices:
        assert choice.name not in seen and len(set(choice.values)) == len(choice.values) > 0
        if choice.needs is not None:
            assert seen[choice.needs[0]].needs is None and set(choice.needs[1]) <= set(seen[choice.needs[0]].values)
        seen[choice.name] = choice
    assert not space.source or space.source in MODELS


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("seed", range(10))
def test_what_is_drawn_is_a_valid_model_of_the_scenario_and_leaves_its_other_options_alone(name: str, seed: int) -> None:
    space = ARCHITECTURES[name]
    use = scenario(name, space.changes(drawn(space, seed), "v1.net")).scenario.models["v1.net"]
    if use.source:
        graph = build(use.source, **use.options)
        assert graph.ops
    if name == "once_for_all":
        assert use.options["classes"] == 10


def test_there_are_as_many_subnets_as_the_paper_says() -> None:
    """((3 x 3)^2 + (3 x 3)^3 + (3 x 3)^4)^5, about 2 x 10^19, for each extent and width."""
    space = ARCHITECTURES["once_for_all"]
    assert space.count() == (9**2 + 9**3 + 9**4) ** 5 * 25 * 2
    assert space.limited({"resolution": 224, "width": 1.0}).count() == pytest.approx(2e19, rel=0.1)


def test_there_are_as_many_cells_as_the_benchmark_has() -> None:
    assert ARCHITECTURES["nasbench201"].count() == 15_625


def every(space: Space, chosen: dict[str, Value] | None = None, rest: Sequence[Choice] | None = None) -> list[dict[str, Value]]:
    chosen, rest = chosen or {}, space.choices if rest is None else rest
    if not rest:
        return [chosen]
    if not rest[0].is_open(chosen):
        return every(space, chosen, rest[1:])
    return list(itertools.chain.from_iterable(every(space, {**chosen, rest[0].name: value}, rest[1:]) for value in rest[0].values))


@pytest.mark.parametrize(("name", "limits"), [("digits_mlp", {}), ("nasbench201", {"edge": ["none", "nor_conv_1x1"]}), ("digits_mlp", {"hidden": [1, 3]})])
def test_count_is_what_can_be_drawn_and_all_of_it_is_written_differently(name: str, limits: dict[str, Any]) -> None:
    space = ARCHITECTURES[name].limited(limits)
    found = every(space)
    assert len(found) == space.count() == len({repr(space.changes(chosen, "net")) for chosen in found})


def test_blocks_that_do_not_run_are_not_asked_for() -> None:
    asked: list[str] = []

    def shallowest(name: str, values: Sequence[Value]) -> Value:
        asked.append(name)
        return values[0]

    changes = ARCHITECTURES["once_for_all"].changes(ARCHITECTURES["once_for_all"].sample(shallowest), "net")
    assert changes["models.net.options.depths"] == [2] * 5
    assert "kernel_1_2" in asked and "kernel_1_3" not in asked and len(asked) == 2 + 5 + 2 * 10


def test_limits_by_group_and_by_single_choice() -> None:
    space = ARCHITECTURES["once_for_all"].limited({"kernel": [3, 5], "kernel_1_1": 7, "resolution": [160, 192]})
    values = space.parameters()
    assert values["kernel_1_1"] == (7,) and values["kernel_5_4"] == (3, 5) and values["resolution"] == (160, 192)


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"kernl": [3]}, "did you mean 'kernel'"),
        ({"kernel": [4]}, "4 is no value of kernel in once_for_all; it has 3, 5, 7"),
        ({"resolution": []}, "no values of resolution are left"),
        ({"width": True}, "True is no value of width"),
        ({"resolution": "224"}, "'224' is no value of resolution"),
    ],
)
def test_limits_that_the_space_does_not_have(limits: dict[str, Any], told: str) -> None:
    with pytest.raises(EdgesimError) as caught:
        architecture_space({"architecture": "once_for_all", **limits}, {"source": "once_for_all"}, "search.space.models.net")
    assert told in str(caught.value) and f"search.space.models.net.{next(iter(limits))}" in str(caught.value)


@pytest.mark.parametrize(
    ("wanted", "model", "told"),
    [
        ("once_for_al", {"source": "once_for_all"}, "did you mean 'once_for_all'?"),
        ("once_for_all", {"source": "mobilenet_v2"}, "the source is mobilenet_v2"),
        ("digits_mlp", {"source": "mobilenet_v2"}, "give layers instead of a source"),
        ({"kernel": [3]}, {"source": "once_for_all"}, "unknown space of architectures 'None'"),
    ],
)
def test_spaces_that_there_are_not_and_models_that_are_not_of_them(wanted: Any, model: dict[str, Any], told: str) -> None:
    with pytest.raises(EdgesimError) as caught:
        architecture_space(wanted, model, "search.space")
    assert told in str(caught.value) and "search.space" in str(caught.value)


def test_choices_that_do_not_make_an_architecture_are_all_told() -> None:
    space = ARCHITECTURES["digits_mlp"]
    with pytest.raises(EdgesimError) as caught:
        space.changes({"hidden": 1, "width_1": 5, "width_2": 8, "wide": 3}, "net")
    told = str(caught.value)
    assert "width_1 is 5" in told and "width_2 is chosen where there is no such block" in told and "'wide' is no choice" in told
    with pytest.raises(EdgesimError, match="hidden has not been chosen"):
        space.changes({"width_1": 8}, "net")


@pytest.mark.parametrize("path", ["models.net.options.resolution", "models.net.options"])
def test_an_axis_of_what_the_architectures_write_is_refused(path: str) -> None:
    space = {"models.net": {"architecture": "once_for_all"}, path: [128, 160]}
    with pytest.raises(EdgesimError, match=r"architectures of models\.net change this too") as caught:
        search_space(space, {"net": {"source": "once_for_all"}})
    assert caught.value.problems[0].path == f"search.space.{path}"
    assert search_space({"models.net": {"architecture": "once_for_all"}, "models.net.threads": [1, 2]}, {"net": {"source": "once_for_all"}}).count() > 1e21
