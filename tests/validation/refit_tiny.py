"""The catalogue's microcontroller figures, refitted: ``python -m tests.validation.refit_tiny`` prints what cost_classes.yaml should hold."""

from __future__ import annotations

from sim.fidelity.tiny_fit import CORE_ELEMENT_SD, FLOAT_PRIORS, MAC_TERMS, TinyFit, shared_values
from sim.fidelity.tiny_regimes import everything

CYCLES = ("gathered_element", "gathered_run", "element", "move", "operator")


def catalogue_figures(found: TinyFit) -> dict[str, dict[str, float]]:
    """Table (or ``values``, or a class) -> figure by name, as the catalogue writes them."""
    shared = shared_values(found)
    cores = [name.partition(" ")[2] for name in found.deltas if name.startswith("core ")]
    libraries = [name.partition(" ")[2] for name in found.deltas if name.startswith("library ")]
    return {
        "values": {f"cycles_per_{name}": shared[name] for name in CYCLES} | {name: prior * found.factor(name) for name, prior in FLOAT_PRIORS.items()},
        "cycles_per_mac": {name: shared[name] for name in MAC_TERMS},
        "libraries": {name: found.factor(f"library {name}") for name in libraries},
        "library_conv": {name: found.factor(f"library_conv {name}") for name in libraries},
        **{name: {"core": found.factor(f"core {name}"), "core_elements": found.factor(f"core_element {name}")} for name in cores},
    }


if __name__ == "__main__":
    print(f"# element factors of a core: prior deviation {CORE_ELEMENT_SD:g}")
    for table, figures in catalogue_figures(everything()).items():
        print(f"{table}: {{{', '.join(f'{name}: {value:.3g}' for name, value in figures.items())}}}")
