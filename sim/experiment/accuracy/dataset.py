"""A user's data: an .npz file with the samples of each input and the right answers."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim.errors import EdgesimError, Problem
from sim.registry import near_names
from sim.scenario.accuracy import AccuracyUse
from sim.scenario.files import digest, missing_file

LABELS = "labels"  # the key of right answers where none is named


@dataclass(frozen=True)
class Dataset:
    """``feeds``: input -> ``[samples, ...]``; ``labels``: ``[samples, ...]``; ``digest``: SHA-256 of the file."""

    name: str
    feeds: Mapping[str, np.ndarray]
    labels: np.ndarray
    digest: str

    def __len__(self) -> int:
        return len(self.labels)


def load_dataset(use: AccuracyUse, inputs: Iterable[str], directory: Path) -> Dataset:
    """The samples that a scenario names for a model with these inputs. Raises EdgesimError whose problems are at ``accuracy....``."""
    path = directory / use.dataset
    arrays = read_arrays(path, "accuracy.dataset")
    labels = use.labels or LABELS
    keys = input_keys(arrays, inputs, use.inputs, but=labels)
    wanted = [("accuracy.labels", labels), *((f"accuracy.inputs.{name}", key) for name, key in keys.items())]
    problems = [Problem(path=place, what=f"{path} has no array {key!r}; {near_names(key, arrays)}") for place, key in wanted if key not in arrays]
    problems += [
        Problem(path=f"accuracy.inputs.{name}", what=f"the model has no input {name!r}; {near_names(name, keys)}") for name in use.inputs if name not in keys
    ]
    if problems:
        raise EdgesimError(problems)
    feeds = {name: arrays[key] for name, key in keys.items()}
    return _limited(Dataset(path.name, feeds, arrays[labels], digest(path)), use.limit)


def read_arrays(path: Path, place: str) -> dict[str, np.ndarray]:
    """Every array of an .npz file. Raises EdgesimError with the problem at ``place``."""
    problem = missing_file(path)
    if problem:
        raise EdgesimError(Problem(path=place, what=problem))
    try:
        with np.load(path, allow_pickle=False) as file:
            if not isinstance(file, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            return {key: np.asarray(file[key]) for key in file.files}
    except (OSError, ValueError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile) as error:
        reason = "it holds Python objects, or is no such file" if "pickle" in str(error) else (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise EdgesimError(Problem(path=place, what=f"{path} is no .npz file of arrays ({reason})")) from None


def input_keys(arrays: Mapping[str, np.ndarray], inputs: Iterable[str], given: Mapping[str, str], but: str = "") -> dict[str, str]:
    """Input -> the array that holds its samples: the one named, the one of the same name, or the only one there is for the only input."""
    names = list(inputs)
    others = [key for key in arrays if key != but]
    if len(names) == 1 and names[0] not in given and names[0] not in arrays and len(others) == 1:
        return {names[0]: others[0]}
    return {name: given.get(name, name) for name in names}


def _limited(data: Dataset, limit: int | None) -> Dataset:
    """The first samples. Raises EdgesimError where inputs and labels do not pair up."""
    counts = {key: (len(values) if values.ndim else 0) for key, values in (*data.feeds.items(), (LABELS, data.labels))}
    if len(set(counts.values())) > 1 or not min(counts.values()):
        told = ", ".join(f"{key} {count}" for key, count in counts.items())
        raise EdgesimError(Problem(path="accuracy.dataset", what=f"inputs and labels need the same number of samples, at least one: {told}"))
    count = min(limit or len(data), len(data))
    return Dataset(data.name, {name: values[:count] for name, values in data.feeds.items()}, data.labels[:count], data.digest)
