"""A registry is a sorted table that names the near ones when asked for something it does not have."""

import pytest

from sim.errors import EdgesimError
from sim.registry import LISTED, NEAREST, Registry, near_names


@pytest.fixture
def shapes() -> Registry[int]:
    registry: Registry[int] = Registry("shape")
    registry.register("square")(4)
    registry.register("circle")(0)
    return registry


def test_iteration_is_sorted_whatever_the_order_of_registration(shapes: Registry[int]) -> None:
    assert list(shapes) == ["circle", "square"]
    assert dict(shapes) == {"circle": 0, "square": 4}


def test_unknown_name_suggests_the_near_one(shapes: Registry[int]) -> None:
    with pytest.raises(EdgesimError, match=r"unknown shape 'sqare'; did you mean 'square'\?"):
        shapes["sqare"]


def test_far_name_lists_everything() -> None:
    assert near_names("zzz", ["b", "a"]) == "known: a, b"


def test_many_far_names_are_not_all_listed() -> None:
    names = [f"board_{number:03d}" for number in range(300)]
    head, _, shown = near_names("x9", names).partition(" names, among them ")
    assert head == "known: 300"
    assert len(shown.split(", ")) == NEAREST and set(shown.split(", ")) <= set(names)
    assert near_names("q", names[:LISTED]) == "known: " + ", ".join(names[:LISTED])


def test_empty_name_among_many_is_answered_too() -> None:
    assert near_names("", [f"board_{number}" for number in range(50)]).startswith("known: 50 names, among them ")


def test_second_registration_is_a_programming_error(shapes: Registry[int]) -> None:
    with pytest.raises(ValueError, match="registered twice"):
        shapes.register("square")(5)
