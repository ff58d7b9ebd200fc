"""A scenario's device: a catalogue name, a user's file, or either with changed fields; mistakes stand in the right file."""

from __future__ import annotations

import pytest

from device_models.catalog.catalog import device_names, load_device

CHANGED = "device: {base: ./board.yaml, memory: {bandwidth: 20 GB/s}, battery: {capacity: 5000 mAh, nominal_voltage: 3.8 V}}"


def portable(scenario_text: str) -> str:
    """The scenario without what only the tiny board has."""
    return scenario_text.replace("governors: {cpu_clock: schedutil}", "governors: {}").replace(", unit: cpu", "").replace(", runtime: tflite", "")


def test_a_users_file_is_found_beside_the_scenario(load):
    device = load().device
    assert device.name == "tiny_board"
    assert device.memory.bandwidth_bytes_per_s == 10e9
    assert device.memory.bandwidth_bytes_per_s.kind == "datasheet"


def test_every_catalogue_device_is_found_by_name(load, scenario_text):
    name = device_names()[0]
    assert load(portable(scenario_text).replace("./board.yaml", name)).device is load_device(name)


def test_changes_are_merged_key_by_key(load, scenario_text):
    device = load(scenario_text.replace("device: ./board.yaml", CHANGED)).device
    assert device.memory.bandwidth_bytes_per_s == 20e9
    assert device.memory.capacity_bytes == 4 * 2**30
    assert device.battery is not None


def test_a_changed_figure_loses_the_source_of_the_one_it_replaces(load, scenario_text):
    for written in ("20 GB/s", "{value: 20 GB/s}"):
        text = scenario_text.replace("device: ./board.yaml", f"device: {{base: ./board.yaml, memory: {{bandwidth: {written}}}}}")
        figure = load(text).device.memory.bandwidth_bytes_per_s
        assert (figure, figure.source, figure.kind) == (20e9, "", "given")


def test_one_cell_of_a_table_is_changed_and_the_others_keep_their_source(load, scenario_text):
    change = "device: {base: ./board.yaml, units: {tpu: {macs_per_cycle: {int4: 4096}}}, domains: {tpu_clock: {operating_points: {1: {frequency: 900 MHz}}}}}"
    device = load(scenario_text.replace("device: ./board.yaml", change)).device
    macs = device.units["tpu"].macs_per_cycle
    assert (macs["int8"], macs["int8"].source, macs["int4"], macs["int4"].source) == (1024, "maker", 4096, "")
    points = device.domains["tpu_clock"].operating_points
    assert [(point.frequency_hz, point.voltage_v) for point in points] == [(500e6, 0.7), (900e6, 0.8)]
    assert (points[1].frequency_hz.kind, points[1].voltage_v.kind) == ("given", "datasheet")


def test_a_change_of_a_catalogue_device(load, scenario_text):
    name = device_names()[0]
    device = load(portable(scenario_text).replace("./board.yaml", f"{{base: {name}, base_power: 12 W}}")).device
    assert device.base_w == 12
    assert device.units == load_device(name).units


def test_a_mistake_in_a_users_file_stands_in_that_file(mistakes, folder, board_text):
    (folder / "board.yaml").write_text(board_text.replace("0.7 V", "0.7 W").replace("base_power", "base_powr").replace("on_chip: 4 MiB", "on_chip: -4 MiB"))
    found = mistakes()
    assert [line.split(": ")[0] for line in found] == ["board.yaml:1:1", "board.yaml:17:14", "board.yaml:25:74", "board.yaml:28:1"]
    assert "missing key 'base_power'" in found[0]
    assert "units.tpu.on_chip: must be at least 0 B" in found[1]
    assert "domains.tpu_clock.operating_points.0.voltage.value: unit 'W' is not a unit of voltage" in found[2]
    assert "unknown key 'base_powr'; did you mean 'base_power'" in found[3]


def test_mistakes_in_the_change_and_in_the_base_stand_each_in_its_file(mistakes, scenario_text, folder, board_text):
    (folder / "board.yaml").write_text(board_text.replace("40 MB/s", "40 MHz"))
    found = mistakes(scenario_text.replace("device: ./board.yaml", "device:\n  base: ./board.yaml\n  memory:\n    capacity: 4 s"))
    assert len(found) == 2
    assert found[0].startswith("board.yaml:27:37: storage.read_bandwidth: ")
    assert found[1].startswith("doorbell.yaml:5:15: device.memory.capacity: ")


def test_what_no_longer_fits_together_is_blamed_on_the_change(mistakes, scenario_text):
    found = mistakes(scenario_text.replace("device: ./board.yaml", "device:\n  base: ./board.yaml\n  units: {cpu: {domain: cpu_clok}}"))
    assert len(found) == 1
    assert found[0].startswith("doorbell.yaml:4:25: device.units.cpu.domain: no domain 'cpu_clok'")


def test_names_in_a_users_file_are_checked(mistakes, folder, board_text):
    text = board_text.replace("cost_class: npu_hexagon", "cost_class: npu_hexagn").replace("[tflite, ncnn]", "[tflite, nccn]")
    (folder / "board.yaml").write_text(text.replace("  tpu_clock:\n", "  tpu_clock:\n    governor: perfomance\n"))
    found = mistakes()
    assert [line.split(": unknown")[0] for line in found] == [
        "board.yaml:14:17: units.tpu.cost_class",
        "board.yaml:25:15: domains.tpu_clock.governor",
        "board.yaml:33:20: runtimes.1",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[1, 2]", "board.yaml:1:1: expected a mapping (key: value), got a list"),
        ("a: [", "board.yaml:1:5: "),
        ("name: tiny\nname: tiny\n", "board.yaml:2:1: name: key 'name' is already given in line 1"),
        ("units: 3\ndomains: [x]\n", "board.yaml:1:8: units: expected a mapping"),
        ("domains: {cpu: {operating_points: {table: 3, speed: 4}}}", "operating_points"),
    ],
)
def test_a_damaged_device_file(mistakes, folder, content, said):
    (folder / "board.yaml").write_text(content)
    assert any(said in line for line in mistakes())


def test_a_device_that_is_a_folder_or_missing(mistakes, scenario_text, folder):
    (folder / "boards.yaml").mkdir()
    assert "is a folder" in mistakes(scenario_text.replace("./board.yaml", "boards.yaml"))[0]
    assert "there is no folder" in mistakes(scenario_text.replace("./board.yaml", "nowhere/board.yaml"))[0]


def test_a_file_may_hold_only_what_differs_from_its_base(load, folder, scenario_text):
    (folder / "mine.yaml").write_text("base: ./board.yaml\nname: mine\nmemory: {bandwidth: 20 GB/s}\n", encoding="utf-8")
    device = load(scenario_text.replace("./board.yaml", "./mine.yaml")).device
    assert (device.name, device.memory.bandwidth_bytes_per_s, device.memory.capacity_bytes) == ("mine", 20e9, 4 * 2**30)


def test_changes_of_a_scenario_go_over_those_of_the_file_and_of_its_base(load, folder, scenario_text):
    (folder / "mine.yaml").write_text("base: ./board.yaml\nmemory: {bandwidth: 20 GB/s}\nbase_power: 3 W\n", encoding="utf-8")
    text = scenario_text.replace("device: ./board.yaml", "device: {base: ./mine.yaml, base_power: 4 W}")
    device = load(text).device
    assert (device.memory.bandwidth_bytes_per_s, device.base_w) == (20e9, 4)


def test_mistakes_of_a_file_with_a_base_stand_in_it(mistakes, folder, scenario_text):
    (folder / "mine.yaml").write_text("base: ./board.yaml\nmemory: {bandwidth: 20 parsecs}\nunits: {cpuu: {cores: 4}}\n", encoding="utf-8")
    found = mistakes(scenario_text.replace("./board.yaml", "./mine.yaml"))
    assert {problem.split(":")[0] for problem in found} == {"mine.yaml"} and {problem.split(":")[1] for problem in found} == {"2", "3"}


def test_a_file_that_is_by_way_of_its_base_a_base_of_itself(mistakes, folder, scenario_text):
    (folder / "mine.yaml").write_text("base: ./other.yaml\n", encoding="utf-8")
    (folder / "other.yaml").write_text("base: ./mine.yaml\n", encoding="utf-8")
    (problem,) = mistakes(scenario_text.replace("./board.yaml", "./mine.yaml"))
    assert problem.startswith("other.yaml:1:") and "a base of itself" in problem


def test_a_file_whose_base_is_missing_or_odd(mistakes, folder, scenario_text):
    for base, what in (("./nowhere.yaml", "no file"), ("nobody", "unknown device"), ("7", "expected text")):
        (folder / "mine.yaml").write_text(f"base: {base}\n", encoding="utf-8")
        (problem,) = mistakes(scenario_text.replace("./board.yaml", "./mine.yaml"))
        assert problem.startswith("mine.yaml:1:") and what in problem
