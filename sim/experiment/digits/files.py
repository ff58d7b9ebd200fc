"""The trained network and its data as files, for scenarios and ``edgesim compress``."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from sim.experiment.accuracy.dataset import LABELS
from sim.experiment.accuracy.measure import exported
from sim.experiment.digits.bench import Bench
from sim.experiment.digits.network import INPUT, graph_of
from sim.experiment.whole_file import write_whole

_CALIBRATION = 128


def written(folder: Path, names: tuple[str, str, str], seed: int = 0) -> dict[Path, int]:
    """Write the network, images to calibrate with, and the held-out images with their classes; path -> bytes.

    Raises EdgesimError where the folder cannot be written or a package is missing.
    """
    bench = Bench.of(seed)
    split = bench.split
    contents = (
        exported(graph_of(bench.network)),
        _arrays({INPUT: split.images[:_CALIBRATION]}),
        _arrays({INPUT: split.held_out, LABELS: split.held_out_labels.astype(np.uint8)}),
    )
    made = {folder / name: content for name, content in zip(names, contents, strict=True)}
    for path, content in made.items():
        write_whole(path, content)
    return {path: len(content) for path, content in made.items()}


def _arrays(arrays: dict[str, np.ndarray]) -> bytes:
    stream = BytesIO()
    np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]  # the names are not allow_pickle
    return stream.getvalue()
