"""ONNX Runtime's own quantizers: model bytes in, model bytes out."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sim.errors import EdgesimError, ModelError
from sim.experiment.accuracy.session import Runner

Quantizer = Literal["int8_static", "int8_dynamic"]
_MARKS = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulNBits", "MatMulInteger", "ConvInteger", "GatherBlockQuantized")


def quantized_with_onnxruntime(model: bytes, kind: Quantizer, feeds: Mapping[str, np.ndarray] | None = None, *, per_channel: bool = True) -> bytes:
    """The model as ``quantize_static`` (QDQ) or ``quantize_dynamic`` leaves it.

    ``feeds``: calibration data, input -> ``[samples, ...]``. Raises EdgesimError where a package is missing, ModelError where the model
    is quantized already or the quantizer fails.
    """
    refuse_quantized(model)
    steps: dict[str, Callable[[Path, Path], None]] = {
        "int8_static": lambda source, target: _static(source, target, _batches(Runner(model, "the model"), feeds or {}), per_channel),
        "int8_dynamic": lambda source, target: _dynamic(source, target, per_channel),
    }
    with tempfile.TemporaryDirectory(prefix="edgesim_") as folder, _quiet():
        source, target = Path(folder) / "source.onnx", Path(folder) / "target.onnx"
        source.write_bytes(model)
        try:
            steps[kind](source, target)
        except EdgesimError:
            raise
        except Exception as error:  # quantizers raise whatever their parts raise
            reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
            raise ModelError(f"ONNX Runtime's quantizer does not take the model ({reason})") from error
        return target.read_bytes()


def refuse_quantized(model: bytes) -> None:
    """Raise ModelError where a model holds operators of quantized numbers."""
    found = sorted({node.op_type for node in _loaded(model).graph.node if node.op_type in _MARKS or node.op_type.startswith("QLinear")})
    if found:
        raise ModelError(f"the model is quantized already ({', '.join(found)}); give the float model it was made from")


def _static(source: Path, target: Path, batches: Iterator[dict[str, np.ndarray]], per_channel: bool) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # the package has no types
        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(batches, None)

    types = {"activation_type": QuantType.QInt8, "weight_type": QuantType.QInt8}
    quantize_static(str(source), str(target), Reader(), quant_format=QuantFormat.QDQ, per_channel=per_channel, **types)


def _dynamic(source: Path, target: Path, per_channel: bool) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(source), str(target), weight_type=QuantType.QInt8, per_channel=per_channel)


def _batches(runner: Runner, feeds: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
    """Calibration data in the model's batches."""
    runner.check(feeds, "--calibrate")
    return runner.batches(feeds)


def _loaded(model: bytes) -> Any:
    try:
        import onnx
    except ImportError as error:
        raise EdgesimError("ONNX files need the onnx package: pip install 'edgesim[accuracy]'") from error
    try:
        return onnx.load_from_string(model)
    except Exception as error:  # protobuf's own types
        raise ModelError(f"the file is no ONNX model ({str(error)[:200]})") from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Quantizers advise through the root logger; what matters is in the report."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
