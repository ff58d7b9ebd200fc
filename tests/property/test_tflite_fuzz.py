"""Damaged and hostile .tflite files end in a graph or one ModelError: never another exception, a hang or gigabytes."""

from __future__ import annotations

import random
import resource
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import tflite

from sim.errors import ModelError
from sim.frontends.recognition import measure_weights
from sim.frontends.tflite import import_tflite
from sim.graph.ir import Graph

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "frontends" / "tflite"))
from tflite_models import Net, Sparse

MORE_MEMORY_KB = 500 * 1024


def convolutional() -> bytes:
    """Convolutions, a pool, shape arithmetic, a slice, a fully connected layer."""
    net = Net()
    x = net.add(1, 12, 12, 3, signature=(-1, 12, 12, 3), scale=(0.5,), zero=(3,), kind=9)
    a = net.add(1, 6, 6, 8, kind=9, scale=(0.1,))
    weight = net.stored(np.zeros((8, 3, 3, 3)), "i1", scale=(0.1,) * 8, axis=0)
    net.op("CONV_2D", (x, weight, net.stored(np.zeros(8), "i4")), a, options=("Conv2DOptions", {"StrideW": 2, "StrideH": 2, "FusedActivationFunction": 3}))
    b = net.add(1, 6, 6, 8, kind=9)
    net.op("DEPTHWISE_CONV_2D", (a, net.stored(np.zeros((1, 3, 3, 8)), "i1")), b, options=("DepthwiseConv2DOptions", {"StrideW": 1, "StrideH": 1}))
    pooled = net.add(1, 3, 3, 8, kind=9)
    net.op("MAX_POOL_2D", (b,), pooled, options=("Pool2DOptions", {"StrideW": 2, "StrideH": 2, "FilterWidth": 2, "FilterHeight": 2}))
    padded = net.add(1, 5, 5, 8, kind=9)
    net.op("PAD", (pooled, net.stored([[0, 0], [1, 1], [1, 1], [0, 0]], "i4")), padded)
    cut = net.add(1, 3, 3, 8, kind=9)
    bounds = tuple(net.stored(values, "i4") for values in ([0, 1, 1, 0], [0, 4, 4, 0], [1, 1, 1, 1]))
    net.op("STRIDED_SLICE", (padded, *bounds), cut, options=("StridedSliceOptions", {"BeginMask": 9, "EndMask": 9}))
    shape, last = net.add(4, kind=2), net.add(2, kind=2)
    net.op("SHAPE", (cut,), shape)
    net.op("CONCATENATION", (net.stored([1], "i4"), net.stored([-1], "i4")), last, options=("ConcatenationOptions", {}))
    flat = net.add(1, 72, kind=9)
    net.op("RESHAPE", (cut, last), flat, options=("ReshapeOptions", {"NewShape": [1, 72]}))
    net.op("FULLY_CONNECTED", (flat, net.stored(np.zeros((10, 72)), "i1"), -1), net.add(1, 10, kind=9))
    return net.bytes()


def various() -> bytes:
    """Splits, packing, tiles, resizes, look-ups, a recurrent layer, a custom operator."""
    net = Net()
    x = net.add(1, 8, 6)
    parts = [net.add(1, 8, 2) for _ in range(3)]
    net.op("SPLIT", (net.stored(2, "i4"), x), *parts, options=("SplitOptions", {"NumSplits": 3}))
    packed = net.add(1, 3, 8, 2)
    net.op("PACK", tuple(parts), packed, options=("PackOptions", {"ValuesCount": 3, "Axis": 1}))
    sized = net.add(1, 6, 4, 2)
    net.op("RESIZE_BILINEAR", (packed, net.stored([6, 4], "i4")), sized, options=("ResizeBilinearOptions", {}))
    blocks = net.add(4, 3, 2, 2)
    net.op("SPACE_TO_BATCH_ND", (sized, net.stored([2, 2], "i4"), net.stored([[0, 0], [0, 0]], "i4")), blocks)
    tiled = net.add(4, 3, 4, 2)
    net.op("TILE", (blocks, net.stored([1, 1, 2, 1], "i4")), tiled)
    mean = net.add(4, 2)
    net.op("MEAN", (tiled, net.stored([1, 2], "i4")), mean, options=("ReducerOptions", {}))
    memory = (net.stored(np.zeros((4, 2))), net.stored(np.zeros((4, 3))), -1, net.add(4, 12, variable=True))
    net.op("SVDF", (mean, *memory), net.add(4, 2), options=("SVDFOptions", {"Rank": 2}))
    net.op("CUSTOM", (len(net.tensors) - 1,), net.add(4, 2), custom="TFLite_Detection_PostProcess", custom_options=bytes(range(30)))
    return net.bytes()


def sparse() -> bytes:
    """A fully connected layer of blocks of 2 x 2, of which every other one is kept."""
    net = Net()
    x = net.add(1, 8)
    levels = ((3, None, None), (0, np.array([0, 2, 4, 6]), np.array([0, 2, 1, 3, 0, 2])), (2, None, None), (2, None, None))
    weight = net.stored(np.ones(24), sparse=Sparse((0, 1, 2, 3), (0, 1), levels))
    net.tensors[weight].shape = (6, 8)
    net.op("FULLY_CONNECTED", (x, weight), net.add(1, 6))
    return net.bytes()


SEEDS = {"convolutional": convolutional, "various": various, "sparse": sparse}


def attempt(path: Path, data: bytes, mode: str = "warn") -> Graph | None:
    path.write_bytes(data)
    try:
        return measure_weights(import_tflite(path, unknown_operators=mode))  # type: ignore[arg-type]
    except ModelError as error:
        assert error.problems and str(error)
        return None


def flip_bytes(rng: random.Random, data: bytearray) -> bytearray:
    for _ in range(rng.randint(1, 8)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    return data


def cut_off(rng: random.Random, data: bytearray) -> bytearray:
    return data[: rng.randrange(len(data))]


def huge_number(rng: random.Random, data: bytearray) -> bytearray:
    """An offset, length, extent or count becomes an extreme one."""
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(0, len(data) - 4) & ~3
        struct.pack_into("<I", data, at, rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFC, len(data), 0x10000000, rng.randrange(2**32)]))
    return data


def splice(rng: random.Random, data: bytearray) -> bytearray:
    start, length, to = rng.randrange(len(data)), rng.randint(1, 200), rng.randrange(len(data))
    return data[:to] + data[start : start + length] + data[to + (length if rng.random() < 0.5 else 0) :]


def redirect(rng: random.Random, data: bytearray) -> bytearray:
    """A number is copied over another: tables and vectors come to be shared."""
    a, b = (rng.randrange(0, len(data) - 4) & ~3 for _ in range(2))
    data[a : a + 4] = data[b : b + 4]
    return data


MUTATIONS = [flip_bytes, cut_off, huge_number, splice, redirect]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda function: function.__name__)
def test_mutated_files(tmp_path: Path, seed: str, mutation: object) -> None:
    assert callable(mutation)
    original = SEEDS[seed]()
    assert attempt(tmp_path / "m.tflite", original) is not None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng = random.Random(f"{seed} {mutation}".split(" at ")[0])
    outcomes = {attempt(tmp_path / "m.tflite", bytes(mutation(rng, bytearray(original)))) is None for _ in range(150)}
    assert True in outcomes  # some are refused
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MORE_MEMORY_KB


def test_mutated_reference_models(shared: Path, tmp_path: Path) -> None:
    data = (shared / "models" / "tflite" / "mlcommons_tiny_kws_ref_model.tflite").read_bytes()
    rng = random.Random(1)
    for turn in range(150):
        attempt(tmp_path / "m.tflite", bytes(MUTATIONS[turn % len(MUTATIONS)](rng, bytearray(data))), "error")


def test_every_word_of_the_structure_at_its_extreme(tmp_path: Path) -> None:
    """Each aligned word in turn becomes the largest and a negative number."""
    original = various()
    for at in range(0, min(len(original) - 4, 1600), 4):
        data = bytearray(original)
        struct.pack_into("<I", data, at, 0xFFFFFFFF if at % 8 else 0x7FFFFFF0)
        attempt(tmp_path / "m.tflite", bytes(data))


@pytest.mark.parametrize(
    "data",
    [b"", b"TFL3", b"\x00" * 64, b"\x1c\x00\x00\x00TFL3" + b"\xff" * 200, b"\x08\x00\x00\x00TFL3" + b"\x00" * 1000],
    ids=["empty", "short", "zeros", "ones", "null"],
)
def test_files_that_are_no_models(tmp_path: Path, data: bytes) -> None:
    assert attempt(tmp_path / "m.tflite", data) is None


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.tflite", tmp_path):
        with pytest.raises(ModelError, match="cannot read the file"):
            import_tflite(path)


def test_absurd_shapes_are_refused(tmp_path: Path) -> None:
    net = Net()
    net.add(2**31 - 1, 2**31 - 1, 2**31 - 1)
    net.op("RELU", (0,), net.add(2**31 - 1, 2**31 - 1, 2**31 - 1))
    (tmp_path / "m.tflite").write_bytes(net.bytes())
    with pytest.raises(ModelError, match="cannot be right"):
        import_tflite(tmp_path / "m.tflite")


def test_tensors_of_one_name_and_a_long_chain(tmp_path: Path) -> None:
    net = Net(same_names=True)
    net.add(1, 4)
    for i in range(3000):
        net.op("RELU", (i,), net.add(1, 4))
    graph = attempt(tmp_path / "m.tflite", net.bytes())
    assert graph is not None and len({op.name for op in graph.ops}) == 3000


def test_a_list_of_millions_of_tables(tmp_path: Path) -> None:
    """Its length is plausible for the file's size, but no model has so many: refused before any is visited."""
    data = bytearray(various())
    root = struct.unpack_from("<I", data)[0]
    vtable = root - struct.unpack_from("<i", data, root)[0]
    field = root + struct.unpack_from("<H", data, vtable + 4 + 2 * 4)[0]  # buffers
    count = 2_000_000
    struct.pack_into("<I", data, field, len(data) - field)
    data += struct.pack("<I", count) + b"\x04\x00\x00\x00" * count
    with pytest.raises(ModelError, match="more than 300000 tables"):
        (tmp_path / "m.tflite").write_bytes(data)
        import_tflite(tmp_path / "m.tflite")


def test_one_long_vector_shared_by_many_tensors(tmp_path: Path) -> None:
    """A small file whose tensors all refer to the same quantization: copying it for each would take gigabytes."""
    net = Net()
    net.add(1, 4, scale=(0.5,) * 5000)
    for i in range(2000):
        net.op("RELU", (i,), net.add(1, 4, scale=(0.5,)))
    data = bytearray(net.bytes())
    model = tflite.Model.GetRootAs(bytes(data)).Subgraphs(0)
    target = model.Tensors(0).Quantization()._tab.Pos
    for i in range(1, 2001):
        table = model.Tensors(i)._tab
        place = table.Pos + table.Offset(12)
        if target > place:
            struct.pack_into("<I", data, place, target - place)
    (tmp_path / "m.tflite").write_bytes(data)
    with pytest.raises(ModelError, match="larger than any model's"):
        import_tflite(tmp_path / "m.tflite")
