"""Runs of a model in ONNX Runtime on samples of any number, whatever batch the model takes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim.errors import EdgesimError, ModelError, Problem
from sim.registry import near_names

_KINDS = {
    "tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16", "tensor(int64)": "int64", "tensor(int32)": "int32",
    "tensor(int16)": "int16", "tensor(int8)": "int8", "tensor(uint8)": "uint8", "tensor(uint16)": "uint16", "tensor(bool)": "bool",
}  # fmt: skip


class Runner:
    """A model that ONNX Runtime runs on the CPU, on one thread.

    Raises EdgesimError where the onnxruntime package is missing, ModelError where it cannot load the model.
    """

    engine = "ONNX Runtime"

    def __init__(self, model: bytes | Path, name: str) -> None:
        runtime = _package()
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1  # sums in one order
        self.name = name
        try:
            self.session = runtime.InferenceSession(model if isinstance(model, bytes) else str(model), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the package's own types have no common base but this
            raise ModelError(f"{name}: ONNX Runtime does not load it ({_first_line(error)})") from error
        self.inputs: dict[str, Any] = {info.name: info for info in self.session.get_inputs()}
        self.outputs = [info.name for info in self.session.get_outputs()]

    def shapes(self) -> dict[str, tuple[int | None, ...]]:
        """Input -> its extents; None where the model takes any."""
        return {name: tuple(extent if isinstance(extent, int) and extent > 0 else None for extent in info.shape) for name, info in self.inputs.items()}

    def check(self, feeds: Mapping[str, np.ndarray], path: str = "") -> None:
        """Raise EdgesimError with everything about the samples (input -> ``[samples, ...]``) that the model does not take."""
        found = [f"there is no input {name!r}; {near_names(name, self.inputs)}" for name in feeds if name not in self.inputs]
        shapes = self.shapes()
        for name, info in self.inputs.items():
            found += [f"no data for input {name!r}"] if name not in feeds else _misfits(name, feeds[name], shapes[name], _KINDS.get(info.type, info.type))
        lengths = {name: len(values) for name, values in feeds.items() if values.ndim}
        if len(set(lengths.values())) > 1:
            found.append("inputs have different numbers of samples: " + ", ".join(f"{name} {length}" for name, length in lengths.items()))
        if found:
            raise EdgesimError(Problem(path=path, what=what) for what in found)

    def run(self, feeds: Mapping[str, np.ndarray], outputs: list[str] | None = None) -> dict[str, np.ndarray]:
        """Answers to samples (input -> ``[samples, ...]``): output -> ``[samples, ...]``.

        Samples pass in batches as large as the model's; the last one is filled up, and what was filled in is left out.
        """
        self.check(feeds)
        wanted = outputs or self.outputs
        count = len(next(iter(feeds.values())))
        batch = self._batch(count)
        parts = [
            [_kept(values, name, batch, min(batch, count - number * batch), self.name) for name, values in zip(wanted, self._answers(wanted, fed), strict=True)]
            for number, fed in enumerate(self.batches(feeds))
        ]
        return {name: np.concatenate([part[index] for part in parts]) for index, name in enumerate(wanted)}

    def batches(self, feeds: Mapping[str, np.ndarray]) -> Iterator[dict[str, np.ndarray]]:
        """The samples in the model's own number formats and batches; the last one is filled up with the last sample."""
        count = len(next(iter(feeds.values())))
        batch = self._batch(count)
        for start in range(0, count, batch):
            rows = np.minimum(np.arange(start, start + batch), count - 1)
            yield {name: np.ascontiguousarray(feeds[name][rows], dtype=_KINDS.get(info.type)) for name, info in self.inputs.items()}

    def _answers(self, wanted: list[str], fed: dict[str, np.ndarray]) -> list[np.ndarray]:
        try:
            return [np.asarray(values) for values in self.session.run(wanted, fed)]
        except Exception as error:
            raise ModelError(f"{self.name}: ONNX Runtime does not run it ({_first_line(error)})") from error

    def _batch(self, count: int) -> int:
        """Samples in one run: the model's own number, or 64 where it takes any."""
        fixed = {shape[0] for shape in self.shapes().values() if shape and shape[0] is not None}
        if len(fixed) > 1:
            raise ModelError(f"{self.name}: its inputs have different first extents ({', '.join(map(str, sorted(fixed)))}), so samples cannot be told apart")
        return int(fixed.pop()) if fixed else min(count, 64)


def _misfits(name: str, values: np.ndarray, shape: tuple[int | None, ...], kind: str) -> list[str]:
    """What is wrong with the samples of one input."""
    wanted = ", ".join(["samples", *("any" if extent is None else str(extent) for extent in shape[1:])])
    if len(values.shape) != len(shape) or any(extent not in (None, found) for extent, found in zip(shape[1:], values.shape[1:], strict=True)):
        return [f"input {name!r} takes [{wanted}], the data have shape {list(values.shape)}"]
    if not len(values):
        return [f"the data of input {name!r} hold no sample"]
    if not (np.issubdtype(values.dtype, np.number) or values.dtype == np.bool_):
        return [f"input {name!r} takes {kind}, the data are {values.dtype}"]
    if not kind.startswith("float") and np.issubdtype(values.dtype, np.floating):
        return [f"input {name!r} takes {kind}, the data are {values.dtype}"]
    if not np.isfinite(values).all():
        return [f"the data of input {name!r} are not all finite"]
    return []


def _kept(values: np.ndarray, name: str, batch: int, kept: int, model: str) -> np.ndarray:
    """The answers that are to samples."""
    if values.ndim == 0 or len(values) % batch:
        raise ModelError(f"{model}: output {name!r} of shape {list(values.shape)} does not count samples in its first extent")
    return values.reshape(batch, -1, *values.shape[1:])[:kept].reshape(kept * (len(values) // batch), *values.shape[1:])


def _package() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise EdgesimError("running a model needs the onnxruntime package: pip install 'edgesim[accuracy]'") from error
    return onnxruntime


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]
