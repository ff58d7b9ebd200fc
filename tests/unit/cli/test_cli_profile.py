"""``edgesim profile`` with a measured profile, and with several runtimes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.cli.main import main


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model with random weights, and the profile ONNX Runtime writes of it."""
    ort = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from sim.frontends.onnx.export import export_onnx
    from sim.frontends.zoo import build

    folder, rng = tmp_path_factory.mktemp("profiled"), np.random.default_rng(0)
    model = folder / "ds_cnn.onnx"
    model.write_bytes(export_onnx(build("ds_cnn"), fill=lambda tensor: rng.standard_normal(tensor.shape).astype(np.float32)).SerializeToString())
    options = ort.SessionOptions()
    options.enable_profiling, options.intra_op_num_threads, options.profile_file_prefix = True, 1, str(folder / "run")
    session = ort.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    for _ in range(4):
        session.run(None, {each.name: np.zeros(each.shape, np.float32) for each in session.get_inputs()})
    return model, Path(session.end_profiling())


def test_a_real_profile_lines_up(real: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    model, profile = real
    assert main(["profile", str(model), "--device", "raspberry_pi_5", "--compare", str(profile), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["comparison"]
    assert found["runtime"] == "onnxruntime"  # taken from the profile
    assert found["matched_arithmetic"]["value"] == 1.0 and found["matched_measured"]["value"] > 0.9 and found["named"]["value"] > 0.5
    assert found["inference_measured"]["unit"] == "s" and all(row["operator"] and row["bound"] for row in found["rows"])


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_screen(real: tuple[Path, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    model, profile = real
    assert main(["profile", str(model), "--device", "raspberry_pi_5", "--compare", str(profile), "--top", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if str(profile) not in line) <= columns
    assert any(line.startswith("and ") and "differ less" in line for line in lines)


def test_another_models_profile(real: tuple[Path, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "resnet50", "--device", "raspberry_pi_5", "--compare", str(real[1])]) == 2
    told = capsys.readouterr()
    assert "not a profile of this model" in told.err and not told.out


TFLITE = """============================== Run Order ==============================
[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]
{rows}
"""
SYNTHETIC: dict[str, Any] = {
    "tflite": lambda names: TFLITE.format(rows="\n".join(f"\tCONV_2D\t0.1\t0.1\t1%\t1%\t0\t1\t[{name}]:{i}" for i, name in enumerate(names))),
    "openvino": lambda names: (
        "layerName;execStatus;layerType;execType;realTime (ms);cpuTime (ms)\n" + "\n".join(f"{n};EXECUTED;Convolution;jit;0.1;0.1" for n in names)
    ),
    "tensorrt": lambda names: json.dumps([{"count": 10}, *({"name": f"{name} + next", "timeMs": 1, "averageMs": 0.1} for name in names)]),
    "ai_hub": lambda names: json.dumps(
        {
            "execution_summary": {"estimated_inference_time": 5000},
            "execution_detail": [{"name": name, "type": "Conv2d", "compute_unit": "NPU", "execution_time": 100} for name in names],
        }
    ),
}


@pytest.mark.parametrize("tool", SYNTHETIC)
def test_profiles_of_other_tools(tool: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from sim.compiler import lower
    from sim.frontends.zoo import build

    names = [op.name for op in lower(build("resnet18"), "tflite", "float32").ops if op.type in ("Conv", "Dense")]
    file = tmp_path / "profile.txt"
    file.write_text(SYNTHETIC[tool](names), encoding="utf-8")
    arguments = ["profile", "resnet18", "--device", "raspberry_pi_5", "--runtime", "tflite", "--precision", "float32", "--compare", str(file), "--json"]
    assert main(arguments) == 0
    found = json.loads(capsys.readouterr().out)["comparison"]
    assert found["matched_arithmetic"]["value"] == 1.0 and len(found["rows"]) == len(names) and {row["by"] for row in found["rows"]} == {"name"}


def test_files_that_hold_no_profile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.csv"
    table.write_text("model,latency_ms\nresnet18,3\n", encoding="utf-8")
    for file, what in ((table, "no operators"), (tmp_path / "none.json", "cannot be read")):
        assert main(["profile", "resnet18", "--device", "raspberry_pi_5", "--compare", str(file)]) == 2
        assert what in capsys.readouterr().err


def test_runtimes_side_by_side(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["profile", "mobilenet_v3_large", "--device", "coral_dev_board", "--runtime", "edgetpu,tflite", "--precision", "int8"]) == 0
    told = capsys.readouterr().out
    assert "HardSwish is not supported" in told and max(map(len, told.splitlines())) <= 80
    assert main(["profile", "mobilenet_v3_large", "--device", "coral_dev_board", "--runtime", "edgetpu,tflite", "--precision", "int8", "--json"]) == 0
    assert [row["runtime"] for row in json.loads(capsys.readouterr().out)["comparison"]["rows"]] == ["edgetpu", "tflite"]


def test_a_runtime_that_cannot_is_named_beside_those_that_can(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["profile", "resnet18", "--device", "raspberry_pi_5", "--runtime", "tflite,qnn"]) == 0
    assert "qnn cannot run it: runtime qnn does not exist for raspberry_pi_5" in capsys.readouterr().out
    assert main(["profile", "resnet18", "--device", "raspberry_pi_5", "--runtime", "qnn,rknn"]) == 2
    assert capsys.readouterr().err.count("does not exist") == 2
    assert main(["profile", "resnet18", "--device", "raspberry_pi_5", "--runtime", "tflite,qnm"]) == 2
    assert "did you mean 'qnn'" in capsys.readouterr().err
