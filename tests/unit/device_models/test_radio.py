"""A radio's states against closed forms."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import device_models.catalog
from device_models.catalog.radios import radio, radio_names
from device_models.radio import RadioSpec, Transfer, energy_j, phases, timed_phases

RADIO = RadioSpec.model_validate(
    {
        "up_bandwidth": "1 MB/s",
        "down_bandwidth": "2 MB/s",
        "idle_power": "10 mW",
        "promotion_time": "0.5 s",
        "promotion_power": "2 W",
        "send_power": "1 W",
        "receive_power": "0.5 W",
        "send_energy_per_byte": "1 uJ/byte",
        "receive_energy_per_byte": "0.5 uJ/byte",
        "tail": [{"time": "3 s", "power": "0.8 W"}, {"time": "2 s", "power": "0.4 W"}],
    }
)
ACTIVE_J = 2 * (1 + 1) + 1 * (0.5 + 1)  # 2 MB up at 1 MB/s, 2 MB down at 2 MB/s
TAIL_J = 3 * 0.8 + 2 * 0.4


def transfer(time_s: float, sent: float = 2e6, received: float = 2e6) -> Transfer:
    return Transfer(time_s, sent, received, 1e6, 2e6)


def test_one_transfer() -> None:
    found = phases(RADIO, [transfer(10)], 100)
    assert [one.state for one in found] == ["idle", "promotion", "send", "receive", "tail", "tail", "idle"]
    assert energy_j(found) == pytest.approx(1.0 + ACTIVE_J + TAIL_J + (100 - 3.5 - 5) * 0.01, rel=1e-12)


def test_a_transfer_within_the_tail_needs_no_promotion_and_starts_the_tail_anew() -> None:
    found = phases(RADIO, [transfer(0), transfer(3.5 + 4)], 100)
    assert [one.state for one in found].count("promotion") == 1
    assert energy_j(found) == pytest.approx(1.0 + 2 * ACTIVE_J + 3 * 0.8 + 0.4 + TAIL_J + (100 - 3.5 - 4 - 3 - 5) * 0.01, rel=1e-12)


def test_a_transfer_after_the_tail_pays_for_all_again() -> None:
    found = phases(RADIO, [transfer(0), transfer(20)], 100)
    assert energy_j(found) == pytest.approx(2 * (1.0 + ACTIVE_J + TAIL_J) + (100 - 17) * 0.01, rel=1e-12)


def test_the_end_of_the_run_cuts_the_tail() -> None:
    assert energy_j(phases(RADIO, [transfer(0)], 3.5 + 4)) == pytest.approx(1.0 + ACTIVE_J + 3 * 0.8 + 0.4, rel=1e-12)


def test_a_transfer_waits_for_the_one_before_it() -> None:
    together, in_turn = phases(RADIO, [transfer(0), transfer(1)], 50), phases(RADIO, [transfer(0), transfer(3.5)], 50)
    assert together == in_turn


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1e7), st.floats(0, 1e7)), max_size=12),
    st.floats(1, 150),
)
def test_the_phases_fill_the_run_without_gaps(rows: list[tuple[float, float, float]], end_s: float) -> None:
    found = phases(RADIO, [transfer(*row) for row in sorted(rows)], end_s)
    assert found[0].begin_s == 0 and found[-1].end_s == end_s
    assert all(one.end_s == following.begin_s for one, following in itertools.pairwise(found))
    assert sum(one.end_s - one.begin_s for one in found) == pytest.approx(end_s, rel=1e-9)
    assert 0.01 * end_s * (1 - 1e-9) <= energy_j(found) <= 2.0 * end_s * (1 + 1e-9)


def test_a_transfer_of_given_duration_spreads_its_bytes_over_it() -> None:
    phases_found = timed_phases(RADIO, (2e6, 8.0), (0.0, 0.0), 5.0, ready=True)
    assert [(one.state, one.begin_s, one.end_s) for one in phases_found] == [("send", 5.0, 13.0)]
    assert energy_j(phases_found) == pytest.approx(8 * 1.0 + 2e6 * 1e-6, rel=1e-12), "longer at its base power, the bytes' energy the same"


def test_a_base_is_a_radio_of_the_catalogue() -> None:
    changed = RadioSpec.model_validate({"base": "lora_sx1272", "send_power": "1 W"})
    assert changed.send_w == 1.0 and changed.receive_w == radio("lora_sx1272").receive_w
    assert RadioSpec.model_validate("lora_sx1272").send_w == radio("lora_sx1272").send_w
    with pytest.raises(ValueError, match="unknown radio 'nowhere'; known: ble_nrf52840"):
        RadioSpec.model_validate({"base": "nowhere"})


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="rates above 0"):
        phases(RADIO, [Transfer(0, 1, 1, 0, 1)], 10)


@pytest.mark.parametrize("name", radio_names())
def test_every_shipped_radio_is_valid_and_names_its_sources(name: str) -> None:
    sources = yaml.safe_load((Path(device_models.catalog.__file__).parent / "sources.yaml").read_text(encoding="utf-8"))
    spec = radio(name)
    stated = (spec.up_bytes_per_s, spec.down_bytes_per_s, spec.idle_w, spec.send_w, spec.receive_w, *(step.power_w for step in spec.tail))
    for figure in stated:
        assert figure.source in sources and figure.note
        assert figure.kind == "estimated" or figure.source != "none"
    rates = float(spec.up_bytes_per_s), float(spec.down_bytes_per_s)
    assert spec.most_w == max(one.power_w for one in phases(spec, [Transfer(1, 1e3, 1e3, *rates)], 100))


def test_a_small_message_over_lte_is_mostly_tail() -> None:
    found = phases(radio("lte_huang2012"), [Transfer(0, 40e3, 1e3, 6e6 / 8, 13e6 / 8)], 60)
    tail_j = energy_j(one for one in found if one.state == "tail")
    assert tail_j == pytest.approx(11.576 * 1.06, rel=1e-9)
    assert tail_j > 0.8 * energy_j(found)
