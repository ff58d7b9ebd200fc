"""A sampler of Optuna's behind ask and tell."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sim.errors import EdgesimError
from sim.exploration.search.samplers.sampler import Proposal, Sampler, SamplerPlan
from sim.exploration.search.space import Decision

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial, Trial

VIOLATIONS = "violations"


class StudySampler(Sampler):
    """Ordered decisions are whole numbers to Optuna, the others categories; nothing of the study is written anywhere."""

    def __init__(self, plan: SamplerPlan, made: BaseSampler) -> None:
        import optuna

        self._plan = plan
        self._study = optuna.create_study(directions=["minimize"] * plan.objectives, sampler=made)

    def ask(self) -> Proposal | None:
        return self._asked()

    def take(self, chosen: dict[str, int]) -> Proposal:
        self._study.enqueue_trial(chosen)
        return self._asked()

    def tell(self, proposal: Proposal, costs: Sequence[float], violations: Sequence[float]) -> None:
        with quiet():
            proposal.handle.set_user_attr(VIOLATIONS, list(violations))
            self._study.tell(proposal.handle, list(costs))

    def drop(self, proposal: Proposal) -> None:
        from optuna.trial import TrialState

        with quiet():
            self._study.tell(proposal.handle, state=TrialState.FAIL)

    def _asked(self) -> Proposal:
        with quiet():
            trial = self._study.ask()
            return Proposal(self._plan.space.choose(lambda decision: _suggested(trial, decision)), trial)


def _suggested(trial: Trial, decision: Decision) -> int:
    last = len(decision.values) - 1
    if decision.is_ordered:
        return trial.suggest_int(decision.name, 0, last)
    return int(trial.suggest_categorical(decision.name, range(last + 1)))


def violations_of(trial: FrozenTrial) -> Sequence[float]:
    """How Optuna reads what a trial was told with."""
    return tuple(trial.user_attrs[VIOLATIONS])


def imported_optuna() -> Any:
    """The module. Raises EdgesimError where it is not installed."""
    try:
        import optuna
    except ImportError:
        raise EdgesimError("this sampler needs Optuna; install it with: pip install 'edgesim[search]' (random and grid go without)") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings that an option is new to Optuna."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
