"""Searches over made-up costs: the ladder never ends worse, all combinations are brute force, accuracies that vanish do not win."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import EdgesimError, Problem
from sim.experiment.optimize.combinations import MAX_COMBINATIONS, beam, combinations_count, exhaustive
from sim.experiment.optimize.ladder import ladder
from sim.experiment.optimize.rules import Objection, Rules
from sim.experiment.optimize.search import Bench, Fate, Ran, Search
from sim.experiment.optimize.techniques import Alternative, Choice, Step, size_of

RULES = Rules("energy", least_gain=0.0, accuracy_drop=None, keeps_known=False)


@dataclass(frozen=True)
class Budget:
    value: float | None
    limit: float
    name: str = "power_w"
    at_least: bool = False

    @property
    def ok(self) -> bool:
        return self.value is not None and (self.value >= self.limit if self.at_least else self.value <= self.limit)


@dataclass(frozen=True)
class Accuracy:
    value: float | None
    is_share: bool = True


@dataclass(frozen=True)
class Made:
    values: dict[str, float | None]
    budgets: tuple[Budget, ...] = ()
    accuracies: dict[str, Accuracy] = field(default_factory=dict)


def made(energy: float | None, power: float = 0.0, limit: float = 1.0, accuracy: float | None = 0.9) -> Made:
    return Made({"energy": energy}, (Budget(power, limit),), {"net": Accuracy(accuracy)})


def steps(*counts: int) -> tuple[Step, ...]:
    return tuple(Step("precision", "net", tuple(Alternative(f"{index}.{number}", ()) for number in range(1, count + 1))) for index, count in enumerate(counts))


def bench(table: Callable[[Choice], Made | None], counts: tuple[int, ...], rules: Rules = RULES, most_steps: int | None = None) -> Bench[Made]:
    def run(choice: Choice) -> Ran[Made]:
        found = table(choice)
        return Ran(found) if found is not None else Ran(None, (Problem(what="cannot be run"),))

    return Bench(steps(*counts), rules, run, most_steps)


def fate(search: Search[Made], choice: Choice) -> Fate:
    return next(one.fate for one in search.tried if one.choice == choice)


@st.composite
def tables(draw: st.DrawFn) -> tuple[tuple[int, ...], dict[Choice, Made | None]]:
    """Costs of every combination: some exceed the budget, of some nobody knows the accuracy, some cannot be run."""
    counts = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3)))
    choices = list(product(*(range(count + 1) for count in counts)))
    one = st.builds(made, st.integers(1, 20).map(float), st.sampled_from([0.5, 1.0, 1.5, 2.0]), st.just(1.0), st.sampled_from([0.9, 0.88, None]))
    table: dict[Choice, Made | None] = {choice: draw(st.one_of(one, st.none()) if any(choice) else one) for choice in choices}
    return counts, table


ALL_RULES = st.builds(Rules, st.just("energy"), st.sampled_from([0.0, 0.05]), st.sampled_from([None, 0.01]), st.booleans())


@given(tables(), ALL_RULES)
def test_all_combinations_find_what_brute_force_finds(case: tuple[tuple[int, ...], dict[Choice, Made | None]], rules: Rules) -> None:
    counts, table = case
    found = exhaustive(bench(table.__getitem__, counts, rules))
    first = table[(0,) * len(counts)]
    assert first is not None

    def may(one: Made) -> bool:
        now, was = one.accuracies["net"].value, first.accuracies["net"].value
        if rules.keeps_known and was is not None and now is None:
            return False
        return rules.accuracy_drop is None or was is None or now is None or was - now <= rules.accuracy_drop + 1e-9

    def key(choice: Choice) -> tuple[float, float, int]:
        one = table[choice]
        assert one is not None
        power = one.budgets[0].value or 0.0
        return max(power - 1.0, 0.0), one.values["energy"] or 0.0, size_of(choice)

    best = min((choice for choice, one in table.items() if one is not None and may(one)), key=key)
    assert key(found.winner) == key(best)


@given(tables(), ALL_RULES, st.sampled_from([None, 1, 2]))
def test_the_ladder_and_the_beam_never_end_worse_than_they_began(
    case: tuple[tuple[int, ...], dict[Choice, Made | None]], rules: Rules, most: int | None
) -> None:
    counts, table = case
    for search in (ladder, lambda it: beam(it, 2), exhaustive):
        it = bench(table.__getitem__, counts, rules, most)
        found = search(it)
        assert it.score(found.winner) <= it.score(it.baseline)
        assert it.objection(found.winner) is None
        assert most is None or size_of(found.winner) <= most
        assert len({one.choice for one in found.tried}) == len(found.tried)
        assert found.winner in {one.choice for one in found.tried}


@given(tables())
def test_a_beam_wide_enough_is_all_combinations(case: tuple[tuple[int, ...], dict[Choice, Made | None]]) -> None:
    counts, table = case
    runnable = {choice: one or made(99.0, 9.0) for choice, one in table.items()}  # a way through what cannot be run is none
    assert beam(bench(runnable.__getitem__, counts), 1000).winner == exhaustive(bench(runnable.__getitem__, counts)).winner


def test_each_step_stands_on_what_was_kept() -> None:
    gains = {(0, 0, 0): 100, (1, 0, 0): 90, (2, 0, 0): 80, (2, 1, 0): 85, (2, 0, 1): 79.5}
    rules = Rules("energy", least_gain=0.01, accuracy_drop=None, keeps_known=False)
    found = ladder(bench(lambda choice: made(gains[choice]), (2, 1, 1), rules))
    assert found.winner == (2, 0, 0)
    assert fate(found, (1, 0, 0)) is Fate.BEATEN and fate(found, (2, 0, 0)) is Fate.KEPT
    assert fate(found, (2, 1, 0)) is Fate.REJECTED
    assert fate(found, (2, 0, 1)) is Fate.REJECTED, "0.6 % are not worth it"


def test_a_later_round_takes_what_pays_only_on_top_of_a_later_step() -> None:
    gains = {(0, 0): 100, (1, 0): 101, (0, 1): 90, (1, 1): 70}
    found = ladder(bench(lambda choice: made(gains[choice]), (1, 1)))
    assert found.winner == (1, 1) and found.rounds_count == 3


def test_a_later_round_leaves_out_what_does_not_pay_any_more() -> None:
    gains = {(0, 0): 100, (1, 0): 90, (1, 1): 80, (0, 1): 60}
    found = ladder(bench(lambda choice: made(gains[choice]), (1, 1)))
    assert found.winner == (0, 1)


def test_what_is_worse_by_far_is_not_tried_again() -> None:
    gains = {(0, 0): 100.0, (1, 0): 200.0, (0, 1): 90.0}
    found = ladder(bench(lambda choice: made(gains[choice]), (1, 1)))  # (1, 1) has no cost: it must not be asked for
    assert found.winner == (0, 1)


def test_budgets_come_before_the_objective() -> None:
    runs = {(0,): made(10.0, 2.0), (1,): made(1.0, 2.5), (2,): made(50.0, 1.5), (3,): made(40.0, 1.0)}
    found = ladder(bench(runs.__getitem__, (3,)))
    assert found.winner == (3,)
    assert fate(found, (1,)) is Fate.REJECTED and fate(found, (2,)) is Fate.BEATEN


def test_a_budget_of_which_nothing_is_known_is_worse_than_one_that_is_exceeded() -> None:
    runs = {(0,): made(10.0, 3.0), (1,): Made({"energy": 1.0}, (Budget(None, 1.0),), {"net": Accuracy(0.9)})}
    assert ladder(bench(runs.__getitem__, (1,))).winner == (0,)
    swapped = {(0,): runs[1,], (1,): runs[0,]}
    assert ladder(bench(swapped.__getitem__, (1,))).winner == (1,)


def test_what_cannot_be_run_is_skipped_with_its_reason() -> None:
    found = ladder(bench(lambda choice: made(1.0) if not any(choice) else None, (2,)))
    assert found.winner == (0,)
    assert [one.fate for one in found.tried[1:]] == [Fate.SKIPPED, Fate.SKIPPED]
    assert found.tried[1].ran.problems[0].what == "cannot be run"


def test_an_unknown_accuracy_wins_only_where_that_is_accepted() -> None:
    runs = {(0,): made(10.0), (1,): made(1.0, accuracy=None)}
    strict, loose = (Rules("energy", 0.01, None, keeps_known=keeps) for keeps in (True, False))
    found = ladder(bench(runs.__getitem__, (1,), strict))
    assert found.winner == (0,) and found.tried[1].objection is Objection.UNKNOWN
    assert ladder(bench(runs.__getitem__, (1,), loose)).winner == (1,)


@pytest.mark.parametrize(("accuracy", "winner"), [(0.895, (1,)), (0.89, (1,)), (0.88, (0,))])
def test_an_accuracy_falls_no_further_than_allowed(accuracy: float, winner: Choice) -> None:
    runs = {(0,): made(10.0), (1,): made(1.0, accuracy=accuracy)}
    assert ladder(bench(runs.__getitem__, (1,), Rules("energy", 0.01, 0.01, keeps_known=True))).winner == winner


def test_errors_that_grow_are_accuracies_that_fall() -> None:
    def with_error(energy: float, error: float) -> Made:
        return Made({"energy": energy}, (), {"net": Accuracy(error, is_share=False)})

    for error, winner in ((2.01, (1,)), (2.2, (0,)), (1.0, (1,))):
        runs = {(0,): with_error(10.0, 2.0), (1,): with_error(1.0, error)}
        assert ladder(bench(runs.__getitem__, (1,), Rules("energy", 0.01, 0.01, keeps_known=True))).winner == winner


def test_too_many_combinations_are_refused() -> None:
    counts = (3,) * 5
    assert combinations_count(steps(*counts)) == 4**5 > MAX_COMBINATIONS
    with pytest.raises(EdgesimError, match="1,024 combinations"):
        exhaustive(bench(lambda choice: made(1.0), counts))


def test_each_combination_is_run_once_and_the_order_is_always_the_same() -> None:
    asked: list[Choice] = []

    def run(choice: Choice) -> Made:
        asked.append(choice)
        return made(100.0 - sum(choice))

    first = ladder(bench(run, (2, 1, 2)))
    assert len(asked) == len(set(asked))
    again = ladder(bench(run, (2, 1, 2)))
    assert [one.choice for one in again.tried] == [one.choice for one in first.tried] and again.winner == first.winner


def test_scores_of_budgets() -> None:
    def score(*budgets: Budget, keeps_known: bool = True) -> tuple[int, float]:
        found = Rules("energy", 0.0, None, keeps_known).score(Made({"energy": 1.0}, budgets))
        return found.unknown_count, found.excess

    assert score(Budget(1.5, 1.0)) == (0, pytest.approx(0.5))
    assert score(Budget(0.5, 1.0, at_least=True), Budget(3.0, 2.0)) == (0, pytest.approx(1.0))
    assert score(Budget(0.02, 0.0)) == (0, pytest.approx(0.02)), "a limit of 0 is no measure of its own"
    assert score(Budget(None, 1.0)) == (1, 0.0)
    assert score(Budget(None, 0.7, "accuracy", True), keeps_known=False) == (0, 0.0)
    assert score(Budget(1.0, 1.0)) == (0, 0.0)


@pytest.mark.parametrize(
    ("objective", "better", "worse"), [("throughput", 30.0, 20.0), ("accuracy", 0.9, 0.8), ("battery_life", 9.0, 3.0), ("memory", 3.0, 9.0)]
)
def test_objectives_know_which_way_is_better(objective: str, better: float, worse: float) -> None:
    rules = Rules(objective, 0.01, None, False)
    good, bad = (rules.score(Made({objective: value})) for value in (better, worse))
    assert good < bad and rules.is_worth_it(good, bad) and not rules.is_worth_it(bad, good)
    assert rules.score(Made({objective: None})) > bad
