"""What a scenario may say of where accuracies are from."""

from __future__ import annotations

from typing import Any

import pytest

from sim.errors import EdgesimError
from sim.scenario.loading import LoadedScenario, load_scenario


def loaded(accuracy: dict[str, Any], **more: Any) -> LoadedScenario:
    search = {"space": {"models.net.threads": [1, 2]}, "objectives": {"accuracy": "maximize"}, "accuracy": accuracy}
    data = {
        "name": "t", "device": "raspberry_pi_4", "duration": "1 s", "models": {"net": {"source": "once_for_all"}},
        "workloads": {"w": {"arrival": {"kind": "closed"}, "pipeline": [{"model": "net"}]}}, "search": search, **more,
    }  # fmt: skip
    return load_scenario(data)


def test_each_source_has_its_own_options() -> None:
    found = loaded({"provider": "digits", "seeds": 3}).scenario.search
    assert found is not None and found.accuracy is not None and found.accuracy.model_dump() == {"provider": "digits", "model": None, "seeds": 3, "epochs": 60}


@pytest.mark.parametrize(
    ("accuracy", "path"),
    [
        ({"provider": "guessed"}, "search.accuracy"),
        ({"table": "once_for_all"}, "search.accuracy"),
        ({"provider": "published"}, "search.accuracy"),
        ({"provider": "published", "table": "once_for_all", "seeds": 2}, "search.accuracy"),
        ({"provider": "published", "table": "once_for_all", "target": "car"}, "search.accuracy"),
        ({"provider": "digits", "seeds": 0}, "search.accuracy"),
        ({"provider": "digits", "seeds": True}, "search.accuracy"),
    ],
)
def test_mistakes_are_told_where_they_are(accuracy: dict[str, Any], path: str) -> None:
    with pytest.raises(EdgesimError) as caught:
        loaded(accuracy)
    assert all(problem.path.startswith(path) for problem in caught.value.problems)


def test_a_budget_that_no_run_of_the_search_could_hold_is_refused() -> None:
    with pytest.raises(EdgesimError, match=r"budgets.accuracy: .*search\.constraints"):
        loaded({"provider": "published", "table": "once_for_all"}, budgets={"accuracy": "76 %"})
