"""Single kernels out of spans."""

from __future__ import annotations

import numpy as np
import pytest
import synthetic

from sim.runtime.kernels import kernel_spans


def test_rows_can_be_chosen_and_the_last_kernel_is_cut_by_the_end_of_the_run() -> None:
    program = synthetic.program("a", synthetic.segment("cpu", synthetic.costs([0.1, 0.3]), entry_s=0.05), first_inference_s=0.02)
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "2 Hz"}}}, 0.8)
    trace = synthetic.run(scenario, synthetic.device(["cpu"]), [program])
    both = kernel_spans(trace, [program])
    assert both["kernel"].tolist() == [0, 1, 0, 1]
    assert both["start_s"] == pytest.approx([0.07, 0.17, 0.55, 0.65])  # the first inference takes 20 ms more
    assert both["end_s"] == pytest.approx([0.17, 0.47, 0.65, 0.8])
    assert trace.spans["first"].tolist() == [-1.0, -1.0]
    assert trace.spans["last"] == pytest.approx([2.0, 1.5])
    second = kernel_spans(trace, [program], np.array([1]))
    assert second["start_s"] == pytest.approx([0.55, 0.65])
    assert len(kernel_spans(trace, [program], np.array([], dtype=int))["kernel"]) == 0


def test_a_kernel_across_a_change_of_frequency_is_one_span() -> None:
    program = synthetic.simple("a", "cpu", 0.04, kernels=2)
    scenario = synthetic.scenario({"a": {"arrival": {"kind": "periodic", "rate": "1 Hz"}}})
    trace = synthetic.run(scenario, synthetic.device(["cpu"], governor="ondemand"), [program])
    assert len(trace.spans) == 2
    kernels = kernel_spans(trace, [program])
    assert kernels["start_s"] == pytest.approx([0.0, 0.0275])
    assert kernels["end_s"] == pytest.approx([0.0275, 0.0475])
