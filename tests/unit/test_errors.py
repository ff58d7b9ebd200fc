"""A problem says where, what and how to mend it, in one line."""

from sim.errors import EdgesimError, Problem


def test_parts_that_are_unknown_stay_out() -> None:
    assert str(Problem(what="no such file")) == "no such file"
    assert str(Problem("a.yaml", 3, 7, "models.x", "bad unit")) == "a.yaml:3:7: models.x: bad unit"


def test_all_problems_are_told_at_once() -> None:
    error = EdgesimError([Problem("a.yaml", 1, 1, "", "one"), Problem("a.yaml", 2, 1, "", "two")])
    assert str(error) == "a.yaml:1:1: one\na.yaml:2:1: two"
    assert len(error.problems) == 2
