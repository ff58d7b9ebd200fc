"""Rate-coded conversion: integrate-and-fire neurons in place of rectified layers, for units that pay for spikes."""

from __future__ import annotations

from dataclasses import dataclass

from sim.errors import ModelError
from sim.graph.ir import Graph
from sim.graph.work import total_macs
from sim.passes.base import make_pass
from sim.passes.compression.base import COMPRESSIONS, Compression, checked_feeds, note
from sim.passes.spiking.measure import measure_levels, measure_rates, measured_samples, set_rates
from sim.passes.spiking.rewrite import Neurons, to_spiking_operators
from sim.scenario.spiking import ToSpikingOptions


@COMPRESSIONS.register("to_spiking")
@dataclass(frozen=True)
class ToSpiking(Compression[ToSpikingOptions]):
    """Layers become synapses, rectifiers neurons; each runs ``timesteps`` steps. With calibration data, the activation that stands for
    a spike in every step is a high percentile of what each layer reaches there, and spikes are counted in a run over the data."""

    name = "to_spiking"

    def apply(self, graph: Graph) -> None:
        options = self.options
        macs, feeds = total_macs(graph), self.means.calibration
        if options.calibration is not None and feeds is None:
            raise ModelError("the calibration data of to_spiking cannot be read here; give rate")
        _replace(graph, make_pass("fold_batch_norm")(make_pass("remove_identities")(graph)))
        to_spiking_operators(graph, Neurons(options.timesteps, options.reset, options.input == "analog"))
        if feeds is None:
            set_rates(graph, options.given_rate or 0.0)
        else:
            checked_feeds(graph, feeds)
            data = measured_samples(feeds, macs, options.timesteps)
            measure_levels(graph, data, float(options.percentile))
            measure_rates(graph, data)
            if options.given_rate is not None:
                set_rates(graph, options.given_rate)
        measured = feeds is not None and options.given_rate is None
        graph.notes["spiking"] = {"timesteps": options.timesteps, "input": options.input, "rates": "measured" if measured else "given"}
        if not measured:
            note(graph, f"rates of spikes are given ({options.given_rate:g} a step), not measured")


def _replace(graph: Graph, other: Graph) -> None:
    graph.ops, graph.tensors, graph.inputs, graph.outputs = other.ops, other.tensors, other.inputs, other.outputs
