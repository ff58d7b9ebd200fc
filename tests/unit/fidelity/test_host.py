"""This machine as a device: benchmark graphs, the fit of their times, the device file, and the check of real models."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from device_models.catalog.catalog import read_device
from device_models.cost_ort import COEFFICIENTS, far_share, operator_classes, operator_seconds
from device_models.work import KernelWork, Kind, Work
from sim.fidelity.host.benchmark import benchmark_host, drawn_packs
from sim.fidelity.host.branch import Branch, model_of
from sim.fidelity.host.chains import chains
from sim.fidelity.host.device import HostFit, host_device_text
from sim.fidelity.host.fit import PRIORS, Caches, fit_host
from sim.fidelity.host.machine import Machine
from sim.fidelity.host.measure import Timed, branch_work, open_session, random_inputs, time_pack
from sim.fidelity.host.operators import FLOAT, INTEGER, Benchmark

pytest.importorskip("onnxruntime")
MACHINE = Machine("A: test # processor", 4, 3e9, 1 << 20, 32 << 20, 16e9, 20e9, 16.0, 64.0, assumed=("hz",))


@pytest.mark.parametrize("benchmark", [*FLOAT, *INTEGER], ids=lambda benchmark: benchmark.kind)
def test_a_benchmark_is_one_kernel_of_its_kind_in_the_runtime_and_in_the_simulator(benchmark: Benchmark) -> None:
    rng = np.random.default_rng(3)
    branches = [Branch(f"n{index}", benchmark.kind, rng) for index in range(3)]
    for branch in branches:
        benchmark.draw(branch)
    model = model_of(branches)
    session = open_session(model.SerializeToString(), 1)
    session.run(None, random_inputs(session))
    work, footprint_bytes = branch_work(model)
    for branch in branches:
        kernels = work[branch.prefix]
        names = [name.removesuffix("_dynamic") for _, name in operator_classes(kernels)]
        assert benchmark.kind in names
        assert len(names) == 1 or names.count("quant") == len(names) - 1
        assert float((kernels.out_bytes + kernels.weight_bytes).sum()) <= footprint_bytes


def test_times_of_a_pack_are_positive_and_grow_with_the_work() -> None:
    rng = np.random.default_rng(0)
    small, large = Branch("n0", "gemm", rng), Branch("n1", "gemm", rng)
    for branch, depth in ((small, 32), (large, 1024)):
        branch.output(branch.op("MatMul", [branch.input((1, 64, depth)), branch.random((depth, depth))]))
    first, second = time_pack([small, large], 1)
    assert (first.kind, second.kind) == ("gemm", "gemm")
    assert second.work.macs[0] == 64 * 1024**2
    assert 0 < first.seconds < second.seconds


def test_chains_of_any_length_run_and_stay_in_the_cache() -> None:
    for integer in (False, True):
        for make in list(chains(integer, seed=1, per_kind=1)):
            model = model_of([make(3)])
            session = open_session(model.SerializeToString(), 1)
            session.run(None, random_inputs(session))
            assert model.ByteSize() < 7e5


def _drawn_work(rng: np.random.Generator) -> Work:
    channels, size = int(rng.integers(1, 40)) * 8, int(rng.integers(4, 60))
    elements = float(channels * size * size)
    row = KernelWork(
        Kind.PW,
        macs=elements * channels,
        h_out=size,
        w_out=size,
        c_in=channels,
        c_out=channels,
        in_elements=elements,
        out_elements=elements,
        weight_elements=channels**2,
        in_bytes=4 * elements,
        out_bytes=4 * elements,
        weight_bytes=4.0 * channels**2,
    )
    return Work.stack([row])


def _timed(truth: dict[str, float], count: int, seed: int) -> list[Timed]:
    rng, found = np.random.default_rng(seed), []
    columns = {name: np.array([value]) for name, value in truth.items()}
    for _ in range(count):
        work, footprint = _drawn_work(rng), float(np.exp(rng.uniform(np.log(1e6), np.log(1e8))))
        seconds = sum(part[0] for part in operator_seconds(work, columns, far_share(footprint, 1 << 20, 32 << 20)))
        found.append(Timed("pw", work, float(seconds), footprint))
    return found


def test_the_fit_predicts_times_made_by_known_coefficients() -> None:
    truth = {name: mean * factor for (name, (mean, _)), factor in zip(PRIORS.items(), [1.5, 0.5, 2.0, 0.7] * 4, strict=False)}
    caches = Caches(1 << 20, 32 << 20)
    tables, classes = fit_host({"float": _timed(truth, 150, 0)}, caches)
    assert [(entry.format, entry.name) for entry in classes] == [("float", "pw")]
    fitted = {name: tables[f"float.{name}"]["pw"] for name in COEFFICIENTS}
    assert fitted["s_per_mac"] == pytest.approx(truth["s_per_mac"], rel=0.15)
    for timed in _timed(truth, 40, 1):
        far = far_share(timed.footprint_bytes, caches.near_bytes, caches.last_bytes)
        predicted = sum(part[0] for part in operator_seconds(timed.work, {name: np.array([value]) for name, value in fitted.items()}, far))
        assert predicted == pytest.approx(timed.seconds, rel=0.05)


def test_too_few_times_of_a_class_give_no_class() -> None:
    tables, classes = fit_host({"float": _timed({name: mean for name, (mean, _) in PRIORS.items()}, 3, 0)}, Caches(1 << 20, 32 << 20))
    assert not classes
    assert not tables["float.overhead_s"]


@pytest.fixture(scope="module")
def measured() -> HostFit:
    """A very short benchmark of this machine, with one thread."""
    times = benchmark_host(1, per_kind=9)
    tables, classes = fit_host(times.operators, Caches(1 << 20, 32 << 20))
    return HostFit(1, times.run_s, tables, classes)


def test_the_measured_device_is_a_device_file_that_says_what_was_not_measured(measured: HostFit) -> None:
    device = read_device(yaml.safe_load(host_device_text(MACHINE, [measured], name="host", runtime_version="1")))
    cpu = device.units["cpu"]
    assert cpu.structure["threads_1.float.overhead_s"]["pw"] > 0
    assert {cpu.power.leakage_w.kind, device.base_w.kind, device.domains["cpu"].operating_points[0].frequency_hz.kind} == {"estimated"}
    assert device.memory.bandwidth_bytes_per_s.kind == "measured"
    assert {entry.name for entry in measured.classes if entry.format == "int8"} >= {"pw", "dw", "gemm_dynamic", "rnn_dynamic"}


def test_a_real_model_is_measured_and_predicted(measured: HostFit, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sim.cli.main import main

    branch = Branch("n0", "gemm", np.random.default_rng(0))
    value = branch.input((1, 256, 512))
    for _ in range(6):
        value = branch.op("MatMul", [value, branch.random((512, 512))])
    branch.output(branch.op("Softmax", [value]))
    (tmp_path / "net.onnx").write_bytes(model_of([branch]).SerializeToString())
    (tmp_path / "host.yaml").write_text(host_device_text(MACHINE, [measured], name="host", runtime_version="1"))
    assert main(["calibrate", "host", "--use", str(tmp_path / "host.yaml"), "--check", str(tmp_path / "net.onnx"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["models"]
    assert row["measured_s"] > 1e-5
    assert 1 / 4 < row["predicted_s"] / row["measured_s"] < 4  # a wrong unit is a factor of a thousand; other work on the machine is not


def test_mistakes_are_told_before_anything_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sim.cli.main import main

    for arguments, told in (
        (["--threads", "0"], "--threads 0"),
        (["--threads", "x"], "whole numbers"),
        (["--check", "a.onnx", "b.onnx"], "--check b.onnx: no such file"),
        (["--use", "raspberry_pi_4"], "was not measured by calibrate host"),
        (["--shape", "batch"], "NAME=N"),
        (["-o", "host.txt"], "ends in .yaml"),
    ):
        assert main(["calibrate", "host", *arguments]) == 2
        assert told in capsys.readouterr().err
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    assert main(["calibrate", "host", "--use", "raspberry_pi_4", "--check", str(broken)]) == 2


def test_more_work_clock_and_cache_never_go_the_wrong_way() -> None:
    rng = np.random.default_rng(5)
    columns = {name: np.array([mean]) for name, (mean, _) in PRIORS.items()}
    for _ in range(50):
        work, footprint = _drawn_work(rng), float(np.exp(rng.uniform(np.log(1e5), np.log(1e9))))
        near, last = float(rng.uniform(1e5, 4e6)), float(rng.uniform(4e6, 1e8))
        seconds = [sum(part[0] for part in operator_seconds(work, columns, far_share(footprint, near, cache))) for cache in (last, 2 * last)]
        assert 0 < seconds[1] <= seconds[0]
        assert far_share(footprint, near, last) <= far_share(2 * footprint, near, last)


def test_a_kernel_that_was_not_benchmarked_takes_the_rates_of_a_relative() -> None:
    from device_models.cost_ort import measured_class

    known = {"float.overhead_s": {"conv": 1.0, "elementwise": 1.0}, "int8.overhead_s": {"pw": 1.0}}
    assert measured_class("float", "convt", known) == ("float", "conv")
    assert measured_class("int8", "pw", known) == ("int8", "pw")
    assert measured_class("int8", "quant", known) == ("float", "elementwise")
    with pytest.raises(ValueError, match="calibrate it anew"):
        measured_class("float", "gemm", known)


def test_packs_hold_every_kind() -> None:
    packs = drawn_packs(FLOAT, np.random.default_rng(0), per_kind=2)
    assert {branch.kind for pack in packs for branch in pack} == {benchmark.kind for benchmark in FLOAT}
