"""What the words of measurements mean: names of networks, units, engines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from device_models.spec import DeviceSpec
from sim.compiler.support import units_of_kind
from sim.frontends.zoo import MODELS
from sim.frontends.zoo.published_names import DATASETS, published_network
from sim.measurements.measurement import canonical_precision
from sim.registry import near_names
from sim.scenario.files import MODEL_SUFFIXES, is_model_file

_PUBLISHED = {"ncnn": "ncnn", "qnn": "aihub", "tflite": "tf_mobile"}  # whose names an engine's users know
_SUFFIX = re.compile(r"[_.-](int8|uint8|quant|quantized|w8a8|w8a16|fp16|float16|fp32|float32|float)$", re.IGNORECASE)
_KINDS = {
    "cpu": ("cpu", "xnnpack", "neon", "host"),
    "gpu": ("gpu", "vulkan", "opencl", "cuda", "opengl", "metal", "igpu"),
    "npu": ("npu", "htp", "hexagon", "nnapi", "tpu", "edgetpu", "edge_tpu", "ane", "neural_engine", "accelerator", "dsp", "tiny_npu"),
    "mcu": ("mcu", "cortex_m"),
}
_SIMILAR = {"npu": ("npu", "dsp", "tiny_npu"), "cpu": ("cpu", "mcu"), "mcu": ("mcu", "cpu"), "gpu": ("gpu",)}
_RUNTIMES = {
    "litert": "tflite", "tensorflow_lite": "tflite", "tf_lite": "tflite", "xnnpack": "tflite", "benchmark_model": "tflite", "tflite_xnnpack": "tflite",
    "ort": "onnxruntime", "onnx": "onnxruntime", "onnx_runtime": "onnxruntime", "trt": "tensorrt", "trtexec": "tensorrt", "ov": "openvino",
    "qnn_dlc": "qnn", "qnn_context_binary": "qnn", "qairt": "qnn", "benchncnn": "ncnn", "tflm": "tflite_micro", "stm32cube_ai": "x_cube_ai",
    "microtvm": "tvm", "llama.cpp": "llama_cpp", "et": "executorch",
}  # fmt: skip


class Network(NamedTuple):
    """A source of a model with the options of a zoo model, and the number format its name told (empty if none)."""

    source: str
    options: Mapping[str, Any]
    precision: str = ""


def network_of(name: str, folder: Path, runtime: str, own: Mapping[str, Network], naming: str = "") -> Network | str:
    """The network a measurement names, or what is wrong.

    ``own``: the user's own translations; ``folder``: of the measurements' file; ``naming``: the published table whose names it uses.
    """
    if name in own:
        return own[name]
    if is_model_file(name):
        return _file(name, folder)
    spellings = _spellings(name)
    for candidate, precision in spellings:
        if candidate in own:
            return own[candidate]._replace(precision=own[candidate].precision or precision)
    for look_up in _tables(runtime, naming):
        for candidate, precision in spellings:
            if found := look_up(candidate):
                return Network(found[0], found[1], precision)
    return f"unknown model {name[:80]!r}; {near_names(name[:80], MODELS)} Say what it is with --model {name[:80]}=NAME_OR_FILE"


def _file(name: str, folder: Path) -> Network | str:
    """A file beside the measurements or where the command runs; a model file of another machine is known by its name."""
    for path in (folder / name, Path(name)):
        if path.is_file():
            return Network(str(path), {})
    stem = Path(name.replace("\\", "/")).name
    for candidate, precision in _spellings(stem.rsplit(".", 1)[0]):
        if candidate in MODELS:
            return Network(candidate, {}, precision)
    suffixes = ", ".join(MODEL_SUFFIXES)
    return f"no model file {name[:80]!r} here ({suffixes} are read); name a built-in model with --model {name[:80]}=NAME"


def _spellings(name: str) -> list[tuple[str, str]]:
    """(name, number format) as written, with underscores, and without a format at its end."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    ending = _SUFFIX.search(plain)
    told = canonical_precision(ending[1]) if ending else ""
    forms = [(name, told), (plain, told)]
    for text in (name, plain):
        if match := _SUFFIX.search(text):
            forms.append((text[: match.start()], told))
    return list(dict.fromkeys(forms))


def _tables(runtime: str, naming: str) -> list[Callable[[str], tuple[str, dict[str, Any]] | None]]:
    """Where to look names up: the table whose names the tool uses, the zoo itself, the table the engine's users know, all others."""
    published = dict.fromkeys([*(table for table in (naming, _PUBLISHED.get(runtime, "")) if table), *DATASETS])
    found: list[Callable[[str], tuple[str, dict[str, Any]] | None]] = [partial(published_network, table) for table in published]
    found.insert(1 if naming else 0, lambda name: (name, {}) if name in MODELS else None)
    return found


def runtime_of(text: str, known: tuple[str, ...]) -> str | None:
    """edgesim's name of an engine, None if it knows none."""
    plain = text.strip().lower().replace("-", "_").replace(" ", "_")
    return plain if plain in known else _RUNTIMES.get(plain)


def unit_of(text: str, threads: int | None, device: DeviceSpec) -> str | None:
    """The unit of a device a word means: its name, a kind, ``big`` or ``little``; None if there is none such.

    Of several CPU clusters the one with the fastest cores if it has enough of them, else the strongest.
    """
    plain = text.strip().lower().replace("-", "_").replace(" ", "_")
    if text in device.units or plain in device.units:
        return text if text in device.units else plain
    if plain in ("big", "little", "cpu_big", "cpu_little"):
        return _cluster(device, threads, slowest=plain.endswith("little"))
    kind = next((kind for kind, words in _KINDS.items() if plain in words), None)
    if kind == "cpu" and any(unit.kind == "cpu" for unit in device.units.values()):
        return _cluster(device, threads, slowest=False)
    return next((names[0] for similar in _SIMILAR.get(kind or "", ()) if (names := units_of_kind(device, similar))), None)


def _cluster(device: DeviceSpec, threads: int | None, slowest: bool) -> str | None:
    clusters = units_of_kind(device, "cpu")
    if not clusters:
        return None
    if slowest:
        return min(clusters, key=lambda name: _core_speed(device, name))
    fastest = max(clusters, key=lambda name: _core_speed(device, name))
    return fastest if threads is not None and threads <= int(device.units[fastest].cores) else clusters[0]


def _core_speed(device: DeviceSpec, unit: str) -> float:
    spec = device.units[unit]
    return float(device.domains[spec.domain].operating_points[-1].frequency_hz) * float(max(spec.macs_per_cycle.values()))
