"""Damaged and hostile .param files end in a graph or one ModelError: never another exception, a hang or gigabytes."""

from __future__ import annotations

import random
import re
import resource
from pathlib import Path

import pytest

from sim.errors import ModelError
from sim.frontends.ncnn import import_ncnn
from sim.graph.ir import Graph

MORE_MEMORY_KB = 500 * 1024

DETECTOR = """7767517
23 28
Input            data    0 1 data 0=64 1=64 2=3
Convolution      c1      1 1 data c1 0=16 1=3 3=2 4=1 5=1 6=432 9=2 -23310=1,1.0e-01
ConvolutionDepthWise d1  1 1 c1 d1 0=16 1=3 4=-233 5=1 6=144 7=16 8=1 9=1
Split            s1      1 3 d1 a b c
Pooling          p1      1 1 a p1 1=3 2=2 5=0
Crop             cr      1 1 b cr -23309=1,0 -23310=1,8 -23311=1,0
ShuffleChannel   sh      1 1 c sh 0=2
Slice            sl      1 2 sh x y -23300=2,-233,-233
Concat           cc      3 1 cr x y cc0
Split            s2      1 2 cc0 cc cc_2
Interp           up      1 1 p1 up 0=1 1=2.0 2=2.0
BinaryOp         ba      2 1 cc cc_2 sum
Deconvolution    de      1 1 sum de 0=8 1=4 3=2 4=1 5=1 6=3072
Pooling          gp      1 1 de gp 0=1 4=1
InnerProduct     ip      1 1 gp ip 0=10 1=1 2=80 9=1
Softmax          so      1 1 ip so 0=0 1=1
Padding          pa      1 1 up pa 0=1 1=1 2=1 3=1
Permute          pe      1 1 pa pe 0=3
Reshape          re      1 1 pe re 0=16 1=-1
Reduction        rd      1 1 re rd 0=3 1=0 -23303=1,0 4=1
Flatten          fl      1 1 rd fl
Noop             out     2 1 so fl out
Eltwise          unused  2 1 data data cc2e 0=1
"""

DECODER = """7767517
17 40
Input            in0     0 1 in0
Input            mask    0 1 mask
Input            cos     0 1 cos
Input            sin     0 1 sin
Input            kv      0 2 ck cv
Split            s       1 4 in0 q k v r
RMSNorm          n       1 1 q qn 0=32 1=1e-5 2=1
Gemm             gq      1 1 qn q1 10=-1 2=0 3=1 4=0 5=1 6=1 7=0 8=32 9=32
Gemm             gk      1 1 k k1 10=-1 2=0 3=1 4=0 5=1 6=1 7=0 8=32 9=32
Gemm             gv      1 1 v v1 10=4 2=0 3=1 4=0 5=1 6=1 7=0 8=32 9=32 18=2
Reshape          rq      1 1 q1 q2 0=8 1=4 2=-1
Permute          pq      1 1 q2 q3 0=2
Reshape          rk      1 1 k1 k2 0=8 1=4 2=-1
Permute          pk      1 1 k2 k3 0=2
RotaryEmbed      ro      3 1 q3 cos sin q4 0=0
Reshape          rv      1 1 v1 v2 0=8 1=-1 2=4
SDPA             at      6 3 q4 k3 v2 mask ck cv y ok ov 5=1 6=0.35 7=1
"""

SEEDS = {"detector": (DETECTOR, {}), "decoder": (DECODER, {"sequence": 4, "context": 3})}


def attempt(path: Path, data: bytes, shapes: dict[str, int]) -> Graph | None:
    path.write_bytes(data)
    try:
        return import_ncnn(path, shapes=shapes, unknown_operators="warn")
    except ModelError as error:
        assert error.problems and str(error).startswith(str(path))
        return None


def drop_lines(rng: random.Random, text: str) -> str:
    lines = text.splitlines()
    for _ in range(rng.randint(1, 3)):
        lines.pop(rng.randrange(len(lines)))
    return "\n".join(lines)


def change_numbers(rng: random.Random, text: str) -> str:
    places = list(re.finditer(r"-?\d+", text))
    for _ in range(rng.randint(1, 4)):
        place = rng.choice(places)
        new = rng.choice(
            ["0", "1", "-1", "-233", "2147483647", "-2147483648", "99999999999999999999", "1e300", "0.5", "nan", "inf", "9" * 5000, str(rng.randrange(5000))]
        )
        text = text[: place.start()] + new + text[place.end() :] if place.end() <= len(text) else text
    return text


def cut_off(rng: random.Random, text: str) -> str:
    return text[: rng.randrange(len(text))]


def swap_words(rng: random.Random, text: str) -> str:
    """Blobs, names and types change places: cycles, blobs made twice, layers with other parameters."""
    words = re.split(r"(\s+)", text)
    for _ in range(rng.randint(1, 4)):
        a, b = (rng.randrange(4, len(words)) // 2 * 2 for _ in range(2))
        words[a], words[b] = words[b], words[a]
    return "".join(words)


def repeat_lines(rng: random.Random, text: str) -> str:
    lines = text.splitlines()
    lines.insert(rng.randrange(2, len(lines)), rng.choice(lines))
    return "\n".join([lines[0], f"{len(lines) - 2} 99", *lines[2:]])


MUTATIONS = [drop_lines, change_numbers, cut_off, swap_words, repeat_lines]


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda function: function.__name__)
def test_mutated_files(tmp_path: Path, seed: str, mutation: object) -> None:
    assert callable(mutation)
    text, shapes = SEEDS[seed]
    assert attempt(tmp_path / "m.param", text.encode(), shapes) is not None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rng = random.Random(f"{seed} {mutation}".split(" at ")[0])
    outcomes = {attempt(tmp_path / "m.param", mutation(rng, text).encode(), shapes) is None for _ in range(200)}
    assert True in outcomes
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MORE_MEMORY_KB


@pytest.mark.parametrize("seed", SEEDS)
def test_random_bytes(tmp_path: Path, seed: str) -> None:
    text, shapes = SEEDS[seed]
    rng = random.Random(7)
    for _ in range(200):
        data = bytearray(text.encode())
        for _ in range(rng.randint(1, 20)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        attempt(tmp_path / "m.param", bytes(data), shapes)


def test_mutated_benchmark_networks(shared: Path, tmp_path: Path) -> None:
    names = ("mobilenet_ssd_int8", "shufflenet", "yolov4-tiny", "nanodet_m", "mobilenetv2_yolov3")
    texts = [(shared / "models" / "ncnn" / f"{name}.param").read_text() for name in names]
    rng = random.Random(3)
    for turn in range(100):
        attempt(tmp_path / "m.param", MUTATIONS[turn % len(MUTATIONS)](rng, texts[turn % len(texts)]).encode(), {})


@pytest.mark.parametrize(
    "data", [b"", b"\n\n", b"7767517", b"7767517\n1 1", b"\xff\xfe\x00" * 50, b"1 1\nInput a 0 1 a", b"7767517\n-1 -1\n", b"7767517\n0 0\n"]
)
def test_files_that_are_no_networks(tmp_path: Path, data: bytes) -> None:
    assert attempt(tmp_path / "m.param", data, {}) is None


def test_a_cycle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "m.param"
    path.write_text("7767517\n3 3\nInput i 0 1 i 0=4\nBinaryOp a 2 1 i c b\nReLU r 1 1 b c\n")
    with pytest.raises(ModelError, match=r"m.param:4: a: BinaryOp: waits for itself"):
        import_ncnn(path)


def test_layers_in_any_order_run(tmp_path: Path) -> None:
    path = tmp_path / "m.param"
    path.write_text("7767517\n3 3\nReLU r 1 1 b c\nSigmoid s 1 1 i b\nInput i 0 1 i 0=4\n")
    assert [op.type for op in import_ncnn(path).ops] == ["Sigmoid", "Relu"]


def test_a_very_long_chain_and_a_very_wide_split(tmp_path: Path) -> None:
    """5 000 layers, and 20 000 names for one blob: linear time, no recursion."""
    chain = "".join(f"ReLU r{i} 1 1 b{i} b{i + 1}\n" for i in range(5000))
    assert attempt(tmp_path / "m.param", f"7767517\n5001 1\nInput i 0 1 b0 0=4\n{chain}".encode(), {}) is not None
    names = " ".join(f"o{i}" for i in range(20_000))
    assert attempt(tmp_path / "m.param", f"7767517\n2 1\nInput i 0 1 i 0=4\nSplit s 1 20000 i {names}\n".encode(), {}) is not None


def test_layers_of_one_name_take_linear_time(tmp_path: Path) -> None:
    chain = "".join(f"ReLU same 1 1 b{i} b{i + 1}\n" for i in range(20_000))
    graph = attempt(tmp_path / "m.param", f"7767517\n20001 1\nInput i 0 1 b0 0=4\n{chain}".encode(), {})
    assert graph is not None and len({op.name for op in graph.ops}) == 20_000
