"""``tpe``: tree-structured Parzen estimator (Bergstra et al. 2011; of several objectives Ozaki et al. 2022, doi 10.1613/jair.1.13188), by Optuna."""

from __future__ import annotations

from sim.exploration.search.samplers.sampler import Sampler, SamplerPlan
from sim.exploration.search.samplers.study import StudySampler, imported_optuna, quiet, violations_of


def sampler(plan: SamplerPlan) -> Sampler:
    """One generation at random, then by the estimator; trials that are under way count as bad ones, so that others stay away from them."""
    optuna = imported_optuna()
    with quiet():
        made = optuna.samplers.TPESampler(
            n_startup_trials=plan.generation,
            multivariate=True,
            group=any(decision.needs is not None for decision in plan.space.decisions),
            constant_liar=True,
            seed=plan.seed,
            constraints_func=violations_of,
        )
    return StudySampler(plan, made)
