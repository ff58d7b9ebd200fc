"""Radios of a scenario and stages that use them: what they come to, and mistakes at their place."""

from __future__ import annotations

from pathlib import Path

import pytest

from device_models.catalog.radios import radio, radio_names
from sim.errors import EdgesimError
from sim.experiment.names import known_names
from sim.report.scenario_yaml import scenario_text
from sim.scenario.loading import LoadedScenario, load_scenario
from sim.scenario.stages import RadioStage

HEAD = """name: test
device: {device}
duration: 10 s
workloads:
  a:
    arrival: {{kind: periodic, rate: 1 Hz}}
    pipeline:
      - {stage}
"""
STAGE = "{name: upload, radio: link, send: 20 kB, receive: 200 B}"


def load(more: str, stage: str = STAGE, device: str = "stm32u575", overrides: tuple[str, ...] = (), folder: Path = Path()) -> LoadedScenario:
    return load_scenario(HEAD.format(device=device, stage=stage) + more + "\n", known=known_names(), overrides=overrides, directory=folder)


def mistakes(more: str, stage: str = STAGE, device: str = "stm32u575") -> list[str]:
    with pytest.raises(EdgesimError) as caught:
        load(more, stage, device)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("name", radio_names())
def test_every_radio_of_the_catalogue_can_be_named(name: str) -> None:
    loaded = load(f"radios: {{link: {name}}}")
    assert loaded.device.radios["link"].model_copy(update={"base": ""}) == radio(name).model_copy(update={"base": ""})
    stage = loaded.scenario.workloads["a"].pipeline[0]
    assert isinstance(stage, RadioStage) and (stage.send_bytes, stage.receive_bytes) == (20e3, 200.0)


def test_a_radio_with_changes_keeps_the_rest() -> None:
    changed = load("radios: {link: {base: lte_huang2012, up_bandwidth: 1 Mbit/s, tail: []}}").device.radios["link"]
    assert changed.up_bytes_per_s == 125e3 and changed.tail == ()
    assert changed.promotion_s == radio("lte_huang2012").promotion_s


def test_a_radio_of_ones_own() -> None:
    own = "{up_bandwidth: 1 MB/s, down_bandwidth: 1 MB/s, idle_power: 1 mW, send_power: 1 W, receive_power: 1 W}"
    assert load(f"radios: {{link: {own}}}").device.radios["link"].tail_s == 0.0


def test_a_device_may_have_radios_and_a_scenario_change_them() -> None:
    device = "{base: stm32u575, radios: {link: wifi_pixel_6, other: ble_nrf52840}}"
    own = load("", device=device).device.radios
    assert list(own) == ["link", "other"] and own["link"].send_w == radio("wifi_pixel_6").send_w
    changed = load("radios: {link: {idle_power: 1 mW}, third: lora_sx1272}", device=device).device.radios
    assert list(changed) == ["link", "other", "third"]
    assert changed["link"].idle_w == 1e-3 and changed["link"].send_w == own["link"].send_w


def test_a_device_file_may_have_radios(tmp_path: Path) -> None:
    from device_models.catalog.catalog import device_path

    (tmp_path / "own.yaml").write_text(device_path("stm32u575").read_text() + "radios:\n  link: {base: wifi_pixel_6, idle_power: 5 mW}\n")
    assert load("", device="./own.yaml", folder=tmp_path).device.radios["link"].idle_w == 5e-3
    (tmp_path / "own.yaml").write_text(device_path("stm32u575").read_text() + "radios:\n  link: wifi_pixel_7\n")
    with pytest.raises(EdgesimError, match=r"own.yaml:\d+:9: radios.link: unknown radio 'wifi_pixel_7'; known: ble"):
        load("", device="./own.yaml", folder=tmp_path)


def test_an_override_exchanges_the_radio() -> None:
    loaded = load("radios: {link: lte_huang2012}", overrides=("radios.link=lora_sx1272",))
    assert loaded.device.radios["link"].send_w == radio("lora_sx1272").send_w
    changed = load("radios: {link: lte_huang2012}", overrides=("radios.link.tail=[]", "radios.link.up_bandwidth=1 MB/s")).device.radios["link"]
    assert (changed.tail, changed.up_bytes_per_s, changed.send_w) == ((), 1e6, radio("lte_huang2012").send_w)
    assert load("", overrides=("radios.link=lora_sx1272",)).device.radios["link"].base == "lora_sx1272"
    with pytest.raises(EdgesimError, match=r"--set radios.link.up_bandwidth: must be more than 0 B/s"):
        load("radios: {link: lte_huang2012}", overrides=("radios.link.up_bandwidth=0 B/s",))
    with pytest.raises(EdgesimError, match=r"<text>:9:16: radios.link: unknown radio 'lte'|<text>:9:16: radios.link.base: unknown radio 'lte'"):
        load("radios: {link: lte}", overrides=("radios.link.up_bandwidth=1 B/s",))


@pytest.mark.parametrize(
    ("more", "place", "what"),
    [
        ("radios: {link: lte_huang2013}", "9:16: radios.link", "unknown radio 'lte_huang2013'; did you mean 'lte_huang2012'"),
        ("radios: {link: {base: wifi}}", "9:23: radios.link.base", "unknown radio 'wifi'; "),
        ("radios: {link: {base: lora_sx1272, up_bandwidth: 0 B/s}}", "9:50: radios.link.up_bandwidth", "more than 0 B/s"),
        ("radios: {link: {base: lora_sx1272, down_bandwidth: -1 B/s}}", "9:52: radios.link.down_bandwidth", "more than 0 B/s"),
        ("radios: {link: {base: lora_sx1272, sendpower: 1 W}}", "9:36: radios.link.sendpower", "did you mean 'send_power'"),
        ("radios: {link: {base: lora_sx1272, tail: [{time: -1 s, power: 1 W}]}}", "9:50: radios.link.tail.0.time", "at least 0 s"),
        ("radios: {link: {idle_power: 1 W}}", "9:10: radios.link", "missing key 'up_bandwidth'"),
        ("radios: {link: 3}", "9:16: radios.link", "expected text"),
        ("radios: {'a b': lora_sx1272, link: lora_sx1272}", "9:10: radios.a b", "is not a name"),
        ("radios: {wifi: wifi_pixel_6}", "8:31: workloads.a.pipeline.0.radio", "neither the scenario nor stm32u575 has a radio 'link'; known: wifi"),
        ("", "8:31: workloads.a.pipeline.0.radio", "for example radios: {link: "),
    ],
)
def test_mistakes_of_radios(more: str, place: str, what: str) -> None:
    assert any(f"<text>:{place}: " in line and what in line for line in mistakes(more)), mistakes(more)


@pytest.mark.parametrize(
    ("stage", "place", "what"),
    [
        ("{radio: lnk, send: 1 B}", "8:17: workloads.a.pipeline.0.radio", "did you mean 'link'?"),
        ("{radio: link, send: -1 B}", "8:29: workloads.a.pipeline.0.send", "at least 0 B"),
        ("{radio: link, send: 1 B, receive: -2 kB}", "8:43: workloads.a.pipeline.0.receive", "at least 0 B"),
        ("{radio: link}", "8:9: workloads.a.pipeline.0", "give it send or receive"),
        ("{radio: link, send: 0 B}", "8:9: workloads.a.pipeline.0", "give it send or receive"),
        ("{radio: link, send: 1 W}", "8:29: workloads.a.pipeline.0.send", "not a unit of"),
        ("{radio: link, send: 1 B, unit: mcu}", "8:34: workloads.a.pipeline.0.unit", "unknown key 'unit'"),
        ("{radio: link, sent: 1 B, send: 1 B}", "8:23: workloads.a.pipeline.0.sent", "did you mean 'send'"),
    ],
)
def test_mistakes_of_stages(stage: str, place: str, what: str) -> None:
    found = mistakes("radios: {link: lora_sx1272}", stage)
    assert any(f"<text>:{place}: " in line and what in line for line in found), found


def test_all_mistakes_at_once() -> None:
    found = mistakes("radios: {link: {base: nowhere}, b: {base: lora_sx1272, up_bandwidth: 0 B/s}}", "{radio: lnk}")
    assert len(found) == 4, found


def test_a_node_heated_by_a_radio_that_is_nowhere() -> None:
    device = "{base: stm32u575, thermal: {nodes: {die: {heated_by: [mcu, base, memory, storage, radio.lnk]}}}}"
    found = mistakes("radios: {link: lora_sx1272}", device=device)
    assert found == ["<text>:2:91: device.thermal.nodes.die.heated_by.4: no radio 'lnk'; did you mean 'radio.link'?"], found


def test_the_written_scenario_reads_as_the_same(tmp_path: Path) -> None:
    loaded = load("radios: {link: {base: lte_huang2012, tail: [{time: 1 s, power: 1 W}]}, other: ble_nrf52840}")
    again = load_scenario(scenario_text(loaded.scenario, Path(), tmp_path), known=known_names())
    assert again.canonical() == loaded.canonical()
    assert load("radios: {link: lora_sx1272}").canonical() != load("radios: {link: ble_nrf52840}").canonical()


def test_the_stages_default_name_is_the_radios() -> None:
    assert load("radios: {link: lora_sx1272}", "{radio: link, send: 1 B}").scenario.workloads["a"].stage_names() == ("link",)
