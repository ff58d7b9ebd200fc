"""``nsga2``: NSGA-II (Deb et al. 2002, doi 10.1109/4235.996017) with constrained domination, by Optuna."""

from __future__ import annotations

from sim.exploration.search.samplers.sampler import Sampler, SamplerPlan
from sim.exploration.search.samplers.study import StudySampler, imported_optuna, quiet, violations_of


def sampler(plan: SamplerPlan) -> Sampler:
    """Each generation of the search is one of the algorithm's."""
    optuna = imported_optuna()
    with quiet():
        made = optuna.samplers.NSGAIISampler(population_size=max(plan.generation, 2), seed=plan.seed, constraints_func=violations_of)
    return StudySampler(plan, made)
