"""The test cases of the ONNX standard itself, some 1,900 models: each gives the shapes of its expected outputs, or is refused by a ModelError."""

from __future__ import annotations

from math import prod
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from sim.errors import ModelError
from sim.frontends.onnx import import_onnx

testcases = pytest.importorskip("onnx.backend.test.case.node")

# The size of the result depends on the data: the graph holds the largest.
BOUNDED = ("NonMaxSuppression", "NonZero", "Compress", "Unique")
# Not imported by design: text, lists and optional values as inputs, training, classical machine learning, loops, signal transforms.
REFUSED = {
    "Adagrad", "Adam", "ArrayFeatureExtractor", "BatchNormalization", "Binarizer", "CausalConvWithState", "DFT", "Det", "FlexAttention", "ImageDecoder",
    "LabelEncoder", "LayerNormalization", "LinearAttention", "Loop", "MelWeightMatrix", "Momentum", "NegativeLogLikelihoodLoss", "OptionalGetElement",
    "OptionalHasElement", "RegexFullMatch", "STFT", "Scan", "SequenceInsert", "SequenceLength", "SequenceMap", "SoftmaxCrossEntropyLoss", "SplitToSequence",
    "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer", "TreeEnsemble",
}  # fmt: skip


def stored_inputs(model: onnx.ModelProto, inputs: list) -> onnx.ModelProto:
    """The same model with its short inputs as constants: the cases feed shapes and axes that real files store."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    fed = []
    for info, array in zip(model.graph.input, inputs, strict=False):
        if isinstance(array, np.ndarray) and array.ndim <= 1 and array.size <= 64 and array.dtype.kind in "iub":
            made.graph.initializer.append(numpy_helper.from_array(array, info.name))
        else:
            fed.append(info)
    del made.graph.input[:]
    made.graph.input.extend(fed)
    return made


def shapes(outputs: list) -> list[tuple[int, ...]]:
    return [tuple(output.dims) if isinstance(output, onnx.TensorProto) else np.asarray(output).shape for output in outputs]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the cases compute overflows and divisions by zero on purpose
def test_the_standards_own_cases(tmp_path: Path) -> None:
    path, agreed, refused = tmp_path / "case.onnx", 0, set()
    cases = [case for case in testcases.collect_testcases(None) if case.model is not None and case.data_sets]
    for case in cases:
        inputs, outputs = case.data_sets[0]
        for model in (case.model, stored_inputs(case.model, inputs)):
            path.write_bytes(model.SerializeToString())
            try:
                graph = import_onnx(path)
            except ModelError:
                continue
            made, expected = [graph.tensors[name].shape for name in graph.outputs], shapes(outputs)
            if any(node.op_type in BOUNDED for node in model.graph.node):
                assert all(prod(ours) >= prod(theirs) for ours, theirs in zip(made, expected, strict=True)), case.name
            else:
                assert made == expected, case.name
            agreed += 1
            break
        else:
            refused.add(case.model.graph.node[0].op_type if len(case.model.graph.node) == 1 else "several")
    assert agreed > 0.8 * len(cases)
    assert {name for name in refused if name in onnx_names_of_today()} <= REFUSED | {"several", "Attention", "Equal", "Identity", "If"}


def onnx_names_of_today() -> set[str]:
    """Operators up to the newest set this was written for (26): later ones may be unknown."""
    return {schema.name for schema in onnx.defs.get_all_schemas_with_history() if schema.domain != "" or schema.since_version <= 26}
