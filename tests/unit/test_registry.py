"""A registry is a sorted table that names the near ones when asked for something it does not have."""

import pytest

from sim.errors import EdgesimError
from sim.registry import Registry, near_names


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


def test_second_registration_is_a_programming_error(shapes: Registry[int]) -> None:
    with pytest.raises(ValueError, match="registered twice"):
        shapes.register("square")(5)
