"""What the table must show, on fewer seeds than the command takes; every figure is measured in ONNX Runtime."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sklearn")
pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")

from sim.errors import EdgesimError
from sim.experiment.digits.bench import Bench
from sim.experiment.digits.network import network_of
from sim.experiment.digits.study import Study, study
from sim.experiment.digits.techniques import AVERAGE, ORDER, TECHNIQUES

SEEDS = range(3)
ROWS = (
    "int8_channel", "int4_channel", "int2_channel", "int2_qat", "uniform", "mixed", "pruned_50", "pruned_50_tuned", "pruned_90", "pruned_90_tuned",
    "lottery_90", "lottery_90_random", "neurons_50", "neurons_50_tuned", "student", "student_distilled", "cluster_4",
)  # fmt: skip


@pytest.fixture(scope="module")
def table() -> Study:
    return study(SEEDS, ROWS)


def test_every_technique_has_a_place_in_the_table() -> None:
    assert sorted(ORDER) == list(TECHNIQUES)


def test_full_precision_learns_the_digits(table: Study) -> None:
    assert table["fp32"].accuracy_ratio > 0.95
    assert table["fp32"].change_ratio == 0


def test_eight_bits_lose_nothing_and_two_bits_lose_much(table: Study) -> None:
    assert abs(table["int8_channel"].change_ratio) < 0.005
    assert table["int8_channel"].accuracy_ratio > table["int2_channel"].accuracy_ratio + 0.05


def test_training_that_knows_of_rounding_recovers_two_bits(table: Study) -> None:
    assert table["int2_qat"].accuracy_ratio > table["int2_channel"].accuracy_ratio + 0.05


def test_mixed_precision_beats_the_same_average_width(table: Study) -> None:
    assert table["mixed"].bits_per_weight <= table["uniform"].bits_per_weight == AVERAGE
    assert table["mixed"].accuracy_ratio > table["uniform"].accuracy_ratio + 0.02
    assert min(table["mixed"].accuracies) > min(table["uniform"].accuracies)
    assert table["mixed"].size_bytes <= table["uniform"].size_bytes * 1.02


def test_fine_tuning_recovers_what_pruning_took(table: Study) -> None:
    for share in (50, 90):
        assert table[f"pruned_{share}_tuned"].accuracy_ratio > table[f"pruned_{share}"].accuracy_ratio
    assert table["pruned_90_tuned"].accuracy_ratio > table["pruned_90"].accuracy_ratio + 0.2
    assert table["pruned_90_tuned"].zeros_ratio == pytest.approx(0.9, abs=0.01)


def test_first_weights_make_the_ticket(table: Study) -> None:
    assert table["lottery_90"].accuracy_ratio > table["lottery_90_random"].accuracy_ratio


def test_removed_neurons_are_gone(table: Study) -> None:
    row = table["neurons_50_tuned"]
    assert row.parameters_count == 64 * 32 + 32 + 32 * 16 + 16 + 16 * 10 + 10
    assert row.macs_count == 64 * 32 + 32 * 16 + 16 * 10
    assert row.accuracy_ratio > table["neurons_50"].accuracy_ratio


def test_a_distilled_student_is_no_worse_than_noise_allows(table: Study) -> None:
    noise = table["student"].spread_ratio / len(SEEDS) ** 0.5
    assert table["student_distilled"].accuracy_ratio >= table["student"].accuracy_ratio - noise


def test_sizes_shrink_with_bits_and_zeros(table: Study) -> None:
    full = table["fp32"].size_bytes
    assert full == 4 * table["fp32"].parameters_count
    assert table["int8_channel"].size_bytes < 0.3 * full
    assert table["int4_channel"].size_bytes < 0.6 * table["int8_channel"].size_bytes
    assert table["pruned_90"].size_bytes < 0.2 * full


def test_one_seed_has_no_spread_and_the_same_figures() -> None:
    one, again = study([0], ["pruned_50"], effort=0.1), study([0], ["pruned_50"], effort=0.1)
    assert one == again
    assert one["pruned_50"].spread_ratio == 0


def test_unknown_techniques_and_no_seeds_are_errors() -> None:
    with pytest.raises(EdgesimError, match="pruned_90"):
        study([0], ["pruned_9"])
    with pytest.raises(EdgesimError, match="at least one seed"):
        study([])


def test_a_weight_of_three_bits_takes_at_most_seven_values_and_counts_three_bits() -> None:
    bench = Bench.of(1, effort=0.1)
    graph = bench.compressed(bench.unequal, [{"mixed_precision": {"formats": ["int3"], "average_bits": 3, "activations": "none", "granularity": "per_tensor"}}])
    for layer in network_of(graph):
        assert len(np.unique(layer.weight)) <= 2**3 - 1
    assert bench.judged(graph).bits_per_weight == 3
