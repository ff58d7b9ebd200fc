"""How a search chooses its next trials: name -> what it is; the module of this name has ``sampler(plan)``. To add one: a file here and a line below."""

from __future__ import annotations

from importlib import import_module

from sim.exploration.search.samplers.sampler import Sampler, SamplerPlan

__all__ = ["SAMPLERS", "Sampler", "SamplerPlan", "automatic", "check_installed", "sampler_named"]

SAMPLERS = {
    "nsga2": "NSGA-II: generations that are bred from the best trade-offs so far (Optuna)",
    "tpe": "tree-structured Parzen estimator: what good trials have more often than others (Optuna)",
    "random": "at random, evenly over the space",
    "grid": "all combinations in their order",
}
OF_OPTUNA = ("nsga2", "tpe")
TPE_UP_TO = 400  # trials: beyond, the estimator's own time begins to count, and breeding has had generations enough


def sampler_named(name: str, plan: SamplerPlan) -> Sampler:
    """Raises EdgesimError where what it needs is not installed."""
    made: Sampler = import_module(f"sim.exploration.search.samplers.{name}").sampler(plan)
    return made


def check_installed(name: str) -> None:
    """Raises EdgesimError where what a sampler needs is not installed."""
    if name in OF_OPTUNA:
        from sim.exploration.search.samplers.study import imported_optuna

        imported_optuna()


def automatic(trials: int, objectives: int) -> str:
    """The sampler of ``auto``: a model of good trials where trials are few or one thing counts, breeding else."""
    return "tpe" if trials <= TPE_UP_TO or objectives == 1 else "nsga2"
