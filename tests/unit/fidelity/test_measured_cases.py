"""What the words of measurements mean on a device, and every mistake and doubt at its place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from device_models.catalog.catalog import load_device
from sim.errors import EdgesimError, Problem
from sim.fidelity.measured_cases import Measured, measured_cases
from sim.fidelity.measured_names import Network, network_of, runtime_of, unit_of
from sim.fidelity.predict import predict
from sim.measurements import Readings
from sim.measurements.formats import read_text_source
from sim.measurements.source import text_source

PI, PHONE, ROCK = (load_device(name) for name in ("raspberry_pi_4", "snapdragon_8_gen_2_phone", "rk3588_board"))
HEAD = "model,precision,threads,unit,runtime,ms\n"


def rows(text: str, head: str = HEAD) -> Readings:
    return read_text_source(text_source("rows.csv", head + text))


def cases(text: str, head: str = HEAD, **options: object) -> tuple[list[Measured], list[Problem]]:
    return measured_cases(rows(text, head), PI, **options)  # type: ignore[arg-type]


def mistakes(text: str, head: str = HEAD, **options: object) -> list[Problem]:
    with pytest.raises(EdgesimError) as caught:
        cases(text, head, **options)
    return list(caught.value.problems)


def test_a_row_becomes_a_case_whose_prediction_is_the_simulators() -> None:
    ((item,), warnings) = cases("mobilenet_v2,,4,cpu,ncnn,60\n")
    assert not warnings
    assert (item.case.unit, item.table, item.case.use["threads"], item.case.use["runtime"]) == ("cpu", "threads_4", 4, "ncnn")
    assert item.before_s == pytest.approx(predict(item.case, PI), rel=1e-9)


@pytest.mark.parametrize("device", ["raspberry_pi_4", "snapdragon_8_gen_2_phone", "coral_dev_board", "jetson_orin_nano", "stm32h7a3"])
def test_repricing_is_the_simulators_path_on_every_kind_of_unit(device: str) -> None:
    known = load_device(device)
    network, precision = ("resnet8", "int8") if device == "stm32h7a3" else ("mobilenet_v2", "int8")
    for runtime in known.runtimes[:3]:
        try:
            (item,), _ = measured_cases(read_text_source(text_source("r", f"model,precision,runtime,ms\n{network},{precision},{runtime},1\n")), known)
        except EdgesimError as error:  # the made-up time may look like one in another unit
            assert "times" in str(error) or "int8" in str(error), error
            continue
        assert item.before_s == pytest.approx(predict(item.case, known), rel=1e-9)


def test_words_for_engines() -> None:
    known = ("tflite", "onnxruntime", "ncnn", "tensorrt")
    assert [runtime_of(word, known) for word in ("LiteRT", "ORT", "ncnn", "trtexec", "nothing")] == ["tflite", "onnxruntime", "ncnn", "tensorrt", None]


@pytest.mark.parametrize(
    ("word", "threads", "unit"),
    [("cpu", 1, "cpu_prime"), ("cpu", 4, "cpu_gold"), ("CPU", None, "cpu_gold"), ("little", 2, "cpu_silver"), ("big", 1, "cpu_prime"),
     ("cpu_gold", 2, "cpu_gold"),     ("GPU", None, "gpu"), ("Vulkan", None, "gpu"), ("HTP", None, "npu"), ("nnapi", None, "npu"), ("fpga", None, None)],
)  # fmt: skip
def test_words_for_units_of_a_phone(word: str, threads: int | None, unit: str | None) -> None:
    assert unit_of(word, threads, PHONE) == unit


def test_words_for_units_elsewhere() -> None:
    assert unit_of("npu", None, PI) is None and unit_of("big", 4, PI) == "cpu"
    assert (unit_of("cpu", 4, ROCK), unit_of("little", 1, ROCK)) == ("cpu_big", "cpu_little")
    assert unit_of("cpu", None, load_device("stm32h7a3")) == "mcu"


def test_names_of_networks(tmp_path: Path) -> None:
    assert network_of("mobilenet_v2", tmp_path, "tflite", {}) == Network("mobilenet_v2", {})
    assert network_of("MobileNet-v2", tmp_path, "tflite", {}) == Network("mobilenet_v2", {})
    assert network_of("resnet18_int8", tmp_path, "tflite", {}) == Network("resnet18", {}, "int8")
    for path in ("/data/local/tmp/mobilenet_v2_quant.tflite", "C:\\models\\mobilenet_v2_quant.tflite"):
        found = network_of(path, tmp_path, "tflite", {})
        assert isinstance(found, Network) and (found.source, found.precision) == ("mobilenet_v2", "int8")
    assert network_of("mobilenet", tmp_path, "ncnn", {})[0] == "mobilenet_v1"
    assert network_of("ours", tmp_path, "ncnn", {"ours": Network("resnet18", {"resolution": 160})}) == Network("resnet18", {"resolution": 160})
    assert "did you mean 'resnet18'" in str(network_of("resnt18", tmp_path, "ncnn", {}))
    assert "no model file" in str(network_of("ours.tflite", tmp_path, "ncnn", {}))


def test_a_tools_own_names_come_before_the_zoos(tmp_path: Path) -> None:
    ours, theirs = network_of("mobilenet_v3", tmp_path, "ncnn", {}), network_of("resnet50", tmp_path, "ncnn", {}, naming="ncnn")
    assert not isinstance(ours, str) and not isinstance(theirs, str)


def test_a_model_file_beside_the_measurements(tmp_path: Path) -> None:
    (tmp_path / "net.param").write_text(
        "7767517\n3 3\nInput data 0 1 data 0=32 1=32 2=3\nConvolution c 1 1 data c 0=8 1=3 4=1 5=1 6=216\nReLU r 1 1 c r\n", encoding="utf-8"
    )
    (tmp_path / "rows.csv").write_text("model,threads,runtime,ms\nnet.param,1,ncnn,0.5\n", encoding="utf-8")
    from sim.measurements import read_measurements

    (item,), _ = measured_cases(read_measurements([tmp_path / "rows.csv"]), PI)
    assert item.case.use["source"] == str(tmp_path / "net.param")


def test_all_mistakes_at_once_each_at_its_cell() -> None:
    found = mistakes(
        "resnt18,,1,cpu,ncnn,100\nresnet18,,8,cpu,ncnn,100\nresnet18,,1,npu,ncnn,100\nresnet18,fp17,1,cpu,ncnn,100\nresnet18,,1,cpu,nccn,100\n"
        "resnet18,,1,cpu,ncnn,-1\nresnet18,,1,cpu,rknn,100\n"
    )
    assert [(problem.line, problem.column) for problem in found] == [(2, 1), (3, 11), (4, 13), (5, 10), (6, 17), (7, 22), (8, 17)]
    words = [
        "did you mean 'resnet18'",
        "8 threads on cpu, which has 4 cores",
        "'npu' is not on raspberry_pi_4",
        "unknown precision",
        "did you mean 'ncnn'",
        "not a positive",
        "does not exist for",
    ]
    assert all(word in problem.what for word, problem in zip(words, found, strict=True))


def test_a_mistake_of_many_rows_is_said_once() -> None:
    (problem,) = mistakes("resnt18,,1,cpu,ncnn,100\n" * 5)
    assert problem.line == 2 and problem.what.endswith("(and 4 rows more)")


def test_mixed_engines_and_asking_for_one() -> None:
    text = "resnet18,,1,cpu,ncnn,200\nmobilenet_v2,,1,cpu,tflite,90\nvgg16,,1,cpu,ncnn,1100\n"
    found = mistakes(text)
    assert [problem.line for problem in found] == [2, 3] and all("ncnn and tflite on cpu are mixed" in problem.what for problem in found)
    measured, warnings = cases(text, runtime="ncnn")
    assert [item.model for item in measured] == ["resnet18", "vgg16"] and "1 row of tflite left out" in warnings[0].what
    assert "no measurement is left" in mistakes(text, runtime="openvino")[0].what
    assert "did you mean" in mistakes(text, runtime="openvno")[0].what
    assert "does not exist for raspberry_pi_4" in mistakes(text, runtime="rknn")[0].what


def test_an_engine_nobody_named_is_the_devices_first_and_said() -> None:
    (item,), warnings = cases("resnet18,200\n", "model,ms\n")
    assert item.case.use["runtime"] == PI.runtimes[0] and "name it with --runtime" in warnings[0].what


@pytest.mark.parametrize(
    ("head", "scale", "stated", "likely"),
    [("ms", 1e6, "ms", "us"), ("latency_s", 1e3, "s", "ms"), ("latency_us", 1e3, "us", "ms"), ("ms", 1.0, "ms", "s"), ("latency_s", 1e6, "s", "us")],
)
def test_times_in_another_unit_than_stated(head: str, scale: float, stated: str, likely: str) -> None:
    true_s = {"resnet18": 0.2, "mobilenet_v2": 0.09, "vgg16": 1.1}
    (problem,) = mistakes("".join(f"{model},{seconds * scale:g}\n" for model, seconds in true_s.items()), f"model,{head}\n", runtime="ncnn")
    assert f"stated in {stated} and look like {likely}; name the column latency_{likely}" in problem.what
    assert problem.line == 2


def test_one_row_in_another_unit() -> None:
    (problem,) = mistakes("resnet18,200\nmobilenet_v2,90\nvgg16,1.1\n", "model,ms\n", runtime="ncnn", )  # fmt: skip
    assert problem.line == 4 and "looks like s" in problem.what


def test_repeats_take_the_median_and_contradictions_are_said() -> None:
    (item,), warnings = cases("resnet18,200\nresnet18,210\nresnet18,290\n", "model,ms\n", runtime="ncnn")
    assert item.case.measured == pytest.approx(0.210) and item.repeats == 3
    (warning,) = warnings
    assert warning.line == 2 and "line 4" in warning.what and "median of 3" in warning.what
    assert not cases("resnet18,200\nresnet18,210\n", "model,ms\n", runtime="ncnn")[1]


def test_a_row_far_from_the_others_and_a_unit_far_from_its_prediction() -> None:
    _, warnings = cases("resnet18,200\nmobilenet_v2,90\nvgg16,11000\n", "model,ms\n", runtime="ncnn")
    assert [warning.line for warning in warnings] == [4] and "is it the network that was measured?" in warnings[0].what
    _, warnings = cases("resnet18,4000\nmobilenet_v2,1800\nvgg16,22000\n", "model,ms\n", runtime="ncnn")
    assert len(warnings) == 1 and "times slower than predicted" in warnings[0].what


def test_what_the_unit_hardly_runs_tells_little_of_it() -> None:
    text = "model,precision,unit,runtime,ms\nresnet18,int8,gpu,tflite,40\nresnet18,float32,npu,qnn,40\n"
    try:
        measured, warnings = measured_cases(read_text_source(text_source("r", text)), PHONE)
    except EdgesimError as error:
        assert all("nothing of it runs on" in problem.what or "cannot" in problem.what or "mixed" in problem.what for problem in error.problems)
    else:
        assert measured or warnings


def test_only_rows_of_a_table_that_are_asked_for(unfitted: Callable[..., object]) -> None:
    readings = read_text_source(text_source("r", "board,model,ms\npi,resnet18,200\norin,resnet18,48\n", (("board", "pi"),)))
    (item,), _ = measured_cases(readings, PI, runtime="ncnn")
    assert item.case.measured == pytest.approx(0.2)
