"""A federated study from its YAML to its numbers: tables of training, populations, costs, pages, and the shipped studies."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from device_models.catalog.catalog import load_device
from sim.cli.main import main
from sim.errors import EdgesimError
from sim.experiment.federated.code_rates import code_rates
from sim.experiment.federated.draw_population import group_kinds
from sim.experiment.federated.study import FederatedExperiment, prepare_federated
from sim.experiment.names import known_names
from sim.experiment.simulate import simulate
from sim.fleet.federated.result import FederatedResult
from sim.policies.aggregation import ElementWork
from sim.report.federated_metrics import measure_federated
from sim.report.federated_page import federated_lines
from sim.report.glyphs import ASCII, UNICODE
from sim.report.sheet import StudySheet
from sim.scenario.study import load_study

SCENARIOS = Path(__file__).resolve().parents[3] / "scenarios"
SHIPPED = sorted(path.stem for path in SCENARIOS.glob("federated_*.yaml") if "learning:" not in path.read_text(encoding="utf-8"))
NETWORK = "source: mobilenet_v2, options: {width: 0.35, resolution: 96, classes: 10}"
STUDY = f"""
name: small
description: a few hundred phones
federated:
  model: {{{NETWORK}, training: {{optimizer: sgd, batch: 8}}}}
  population:
    count: 500
    devices:
      fast: {{device: snapdragon_8_gen_2_phone, share: 40 %}}
      slow: {{device: snapdragon_855_phone, share: 60 %, compute: {{kind: lognormal, sigma: 0.3}}}}
    samples: {{kind: lognormal, median: 64, sigma: 0.5, most: 256}}
    links: {{up: 10 Mbit/s, down: 40 Mbit/s, sigma: 0.4}}
    radio: wifi_pixel_6
    availability: {{fraction: 50 %, session: 20 min}}
  rounds: {{number: 5, clients: 40, over_selection: 1.25, deadline: 2 min}}
  budgets: {{round_p90: 1 min, dropouts: 50 %}}
"""


MEASURED = ["population.links={kind: measured, data: flash}", "population.devices.slow.compute={kind: measured}", "population.availability={kind: measured}"]


@cache
def prepared(*changes: str) -> FederatedExperiment:
    loaded = load_study(STUDY, overrides=changes, known=known_names(), directory=Path())
    assert loaded is not None
    return prepare_federated(loaded)


def ran(*changes: str) -> FederatedResult:
    return prepared(*changes).run()


def lines(result: FederatedResult, width: int = 100, glyphs=UNICODE) -> list[str]:
    sheet = StudySheet(width, glyphs)
    return [line.plain for line in federated_lines(sheet, result, measure_federated(result), cpu_s=1.0)]


# ---- training on the device


def test_a_table_is_what_the_engine_says_of_one_step_after_the_other():
    scenario = {
        "name": "steps",
        "device": "snapdragon_855_phone",
        "duration": "6 s",
        "models": {
            "net": {"source": "mobilenet_v2", "options": {"width": 0.35, "resolution": 96, "classes": 10}, "training": {"optimizer": "sgd", "batch": 8}}
        },
        "workloads": {"train": {"arrival": {"kind": "closed"}, "pipeline": [{"model": "net"}]}},
    }
    ends_s = np.sort(simulate(scenario).trace.requests.columns()["end_s"])
    table = prepared().tables[1]
    number = min(len(ends_s) - 1, len(table.steps) - 1)
    assert number > 5
    assert table.seconds[1 : number + 1] == pytest.approx(ends_s[:number], rel=1e-6)
    watts = np.diff(table.joules) / np.diff(table.seconds)
    assert (watts > 0.5).all() and (watts < 20).all()


def test_throttling_slows_later_steps_and_a_warm_room_sooner():
    fast = "federated.population.devices.fast"
    cool, warm = (
        prepared("federated.local={steps: 8000}", f"{fast}.device=snapdragon_8_elite_phone", f"{fast}.ambient={ambient} degC") for ambient in (15, 35)
    )
    for experiment in (cool, warm):
        table = experiment.tables[0]
        assert (np.diff(table.seconds) > 0).all()
    assert warm.tables[0].seconds[-1] / warm.tables[0].steps[-1] > 1.5 * cool.tables[0].seconds[-1] / cool.tables[0].steps[-1]
    late = np.diff(warm.tables[0].seconds)
    assert late[-50:].mean() > 1.5 * late[5:50].mean()
    assert warm.tables[0].excess_c[-1] > 3.0


def test_the_update_is_what_is_trained():
    whole, head = prepared(), prepared(f"federated.model={{{NETWORK}, training: {{batch: 8, last: 1}}}}")
    assert whole.costs.wire.upload_bytes == 4 * whole.costs.elements
    assert head.costs.elements == 1280 * 10 + 10
    assert prepared("federated.compression=int8").costs.wire.upload_bytes == whole.costs.elements + 4


def test_masks_noise_and_the_proximal_term_cost_clients_time():
    plain = prepared().groups[0]
    assert (plain.code_s, plain.step_s) == (0.0, 0.0)
    small, large = (prepared(f"federated.secure_aggregation={{group: {group}}}").groups[0] for group in (10, 50))
    assert large.code_s > 3 * small.code_s > 0
    assert prepared("federated.privacy={noise: client}").groups[0].code_s > prepared("federated.privacy={}").groups[0].code_s > 0
    assert prepared("federated.aggregation=fedprox").groups[0].step_s > 0


def test_plain_code_takes_the_longer_of_computing_and_moving():
    rates = code_rates(load_device("raspberry_pi_4"))
    assert rates.seconds(ElementWork(operations=2e9)) == pytest.approx(2e9 / rates.operations_per_s)
    assert rates.seconds(ElementWork(1.0, 3e9)) == pytest.approx(3e9 / rates.bytes_per_s)
    assert 1e8 < rates.operations_per_s < 1e11 and 1e8 < rates.bytes_per_s < 2e10
    everything = code_rates(load_device("raspberry_pi_4"), all_cores=True)
    assert everything.operations_per_s == pytest.approx(4 * rates.operations_per_s)


# ---- populations


def test_groups_are_as_large_as_their_shares():
    rng = np.random.default_rng(1)
    assert np.bincount(group_kinds([0.4, 0.6], 500, rng)).tolist() == [200, 300]
    assert np.bincount(group_kinds([1 / 3, 1 / 3, 1 / 3], 100, rng)).sum() == 100
    assert prepared().run().counts == (200, 300)


def test_the_same_seed_gives_the_same_result_and_another_one_does_not():
    first, again, other = prepared().run(), prepared().run(), prepared().run(seed=1)
    assert measure_federated(first) == measure_federated(again)
    assert measure_federated(first) != measure_federated(other)


def test_longer_links_do_not_change_who_trains_how_fast():
    """Each property has a stream of its own: changing one leaves the others as they were."""
    both = [prepared(*changes).run() for changes in ((), ("federated.population.links={up: 1 Mbit/s, down: 1 Mbit/s}",))]
    assert both[0].counts == both[1].counts
    assert both[0].end_s < both[1].end_s


@pytest.mark.parametrize("change", MEASURED)
def test_measured_distributions_can_be_chosen(change):
    assert ran(f"federated.{change}").ledger.asked.sum() > 0


# ---- pages and files


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("glyphs", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_no_line_is_longer_than_the_page(width, glyphs):
    for line in lines(ran(), width, glyphs):
        assert len(line) <= width
        assert glyphs is UNICODE or line.isascii()


def test_a_page_says_when_no_round_came_to_a_model():
    result = ran("federated.rounds={number: 3, clients: 40, deadline: 1 ms}")
    assert any("no round came to a model" in line for line in lines(result))
    metrics = measure_federated(result)
    assert metrics.rounds.p50_s is None and metrics.rounds.failed_ratio == 1.0 and metrics.lost_time_ratio == 1.0


def test_a_page_says_when_nobody_could_be_asked():
    result = ran("federated.population.battery={initial_low: 0, initial_high: 0, charging: 0 s}", "federated.rounds.most_time=10 min")
    assert any("nobody could be asked" in line for line in lines(result))
    assert measure_federated(result).energy_per_client_j is None


def test_verdict_exit_code_and_files(tmp_path, capsys):
    path = tmp_path / "study.yaml"
    path.write_text(STUDY, encoding="utf-8")
    assert main(["run", str(path), "--json", str(tmp_path / "r.json"), "--out", str(tmp_path / "out")]) == 0
    assert main(["run", str(path), "--quiet", "--set", "federated.budgets.round_p90=1 ms"]) == 1
    assert "round p90" in capsys.readouterr().out
    data = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert data["valid"] and data["kind"] == "federated"
    metrics = data["metrics"]
    assert metrics["rounds"]["p50"]["unit"] == "s" and metrics["clients"]["asked"]["value"] == 250
    seconds = [part["value"] for part in metrics["seconds"].values()]
    rows = (tmp_path / "out" / "rounds.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 6 and rows[0].startswith("begin_s,end_s,asked")
    assert sum(seconds) > 0 and (tmp_path / "out" / "summary.txt").exists()


# ---- the shipped studies


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_studies_run(name):
    loaded = load_study(SCENARIOS / f"{name}.yaml", overrides=["federated.rounds.number=5"], known=known_names())
    assert loaded is not None
    result = prepare_federated(loaded).run()
    assert len(result.ledger.rounds) == 5 and result.ledger.joules.sum() == pytest.approx(result.ledger.spent_j)
    assert all(len(line) <= 80 for line in lines(result, 80))


@cache
def shipped(name: str, *changes: str) -> FederatedResult:
    loaded = load_study(SCENARIOS / f"{name}.yaml", overrides=changes, known=known_names())
    assert loaded is not None
    return prepare_federated(loaded).run()


def test_a_buffer_spares_the_time_that_stragglers_cost():
    rounds, buffered = (measure_federated(shipped(f"federated_{name}")) for name in ("stragglers", "async"))
    assert buffered.clients.answered_count == rounds.clients.answered_count
    assert buffered.simulated_s < 0.6 * rounds.simulated_s
    assert (buffered.lost_time_ratio or 0.0) < 0.3 * (rounds.lost_time_ratio or 0.0)
    assert rounds.rounds.p50_s and rounds.rounds.client_p50_s and rounds.rounds.p50_s > 1.4 * rounds.rounds.client_p50_s


def test_phones_in_warm_rooms_are_the_stragglers_of_long_rounds_only():
    long, short = (measure_federated(shipped("federated_throttling", *changes)) for changes in ((), ("federated.local.epochs=1",)))
    slower = [metrics.groups["warm"].training_mean_s / metrics.groups["cool"].training_mean_s for metrics in (long, short)]
    assert slower[0] > 1.5 and slower[1] < 1.25


def test_the_keyboard_holds_its_budgets_and_over_selection_costs_what_it_throws_away():
    twenty = "federated.rounds.number=20"
    more, exact = (measure_federated(shipped("federated_keyboard", twenty, *changes)) for changes in ((), ("federated.rounds.over_selection=1",)))
    assert more.rounds.p50_s < exact.rounds.p50_s
    assert more.lost_time_ratio > 5 * exact.lost_time_ratio


def test_the_index_tells_of_every_shipped_study():
    index = (SCENARIOS / "README.md").read_text(encoding="utf-8")
    assert set(SHIPPED) <= set(re.findall(r"\[(\w+)\.yaml\]", index))


def test_masked_updates_are_rounded_to_the_bits_that_are_sent():
    """int8 under masks: 8 bits an element and the carry of the sum, nothing else; the server unpacks one sum instead of every answer."""
    plain, eight = (
        prepared("federated.secure_aggregation={group: 50, bits: 8}").costs,
        prepared("federated.secure_aggregation={group: 50}", "federated.compression=int8").costs,
    )
    assert eight.wire == plain.wire and eight.client_work == plain.client_work
    extra = (2 * 50 * 256 + (5 * 50 - 4) * 256) / 8 / 2
    assert eight.wire.upload_bytes == pytest.approx(eight.elements * 14 / 8 + extra)  # 50 x 255 needs 14 bits
    unmasked = prepared("federated.compression=int8").costs
    assert unmasked.server_work(50, 50).operations - prepared().costs.server_work(50, 50).operations == pytest.approx(50 * unmasked.elements)


def test_a_rule_that_looks_at_single_answers_does_not_go_with_masks():
    with pytest.raises(EdgesimError, match="trimmed_mean looks at single answers"):
        prepared("federated.secure_aggregation={}", "federated.aggregation=trimmed_mean")
