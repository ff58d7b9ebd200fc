"""What engines call the types of operators, as edgesim's operator types."""

from __future__ import annotations

import re

COMPUTE = frozenset({"Conv", "ConvTranspose", "Dense", "MatMul", "Attention", "LSTM", "GRU", "RNN", "SVDF", "Einsum"})  # no optimiser makes them vanish
OPAQUE = frozenset({"Partition"})  # a whole partition of the graph measured as one

_SAME: dict[str, tuple[str, ...]] = {
    # the operator types of each family that engines do not tell apart, or that edgesim keeps as one
    "Conv": ("conv", "conv1d", "conv2d", "conv3d", "convolution", "convolution2d", "convolutionbackpropdata", "groupconvolution", "depthwise",
             "depthwiseconv", "depthwiseconv2d", "depthwiseconvolution", "depthwiseconvolution2d", "depthwiseconv2dnative", "convinteger", "convrelu",
             "cask", "caskconvolution", "pointwiseconvolution", "igemm", "dwconv", "convadd", "convaddrelu"),
    "ConvTranspose": ("convtranspose", "transposeconv", "transposeconv2d", "deconv", "deconvolution", "deconvolution2d", "transposedconvolution"),
    "Dense": ("dense", "gemm", "fullyconnected", "innerproduct", "linear", "fc", "gemmsoftmax", "convgemm"),
    "MatMul": ("matmul", "batchmatmul", "batchmatrixmultiply", "matmulinteger", "matmulnbits", "matrixmultiply", "dynamicquantizematmul",
               "matmulintegertofloat", "matmulbias", "matmulscale"),
    "Attention": ("attention", "multiheadattention", "groupqueryattention", "scaleddotproductattention", "mha", "sdpa"),
    "MaxPool": ("maxpool", "maxpool2d", "poolmax2d", "maxpooling", "maxpooling2d"),
    "AveragePool": ("averagepool", "avgpool", "averagepool2d", "avgpool2d", "poolavg2d", "averagepooling2d", "pooling", "pool"),
    "GlobalAveragePool": ("globalaveragepool", "globalaveragepooling", "globalavgpool", "globalaveragepooling2d"),
    "Reduce": ("reduce", "reducemean", "mean", "reducesum", "reducemax", "reducemin", "sumreduce", "reducemeanvariance"),
    "Add": ("add", "eltwise", "elementwise", "addop", "elementwiseadd", "eltwiseadd", "elementwisesum", "binary", "binaryop", "pwn", "pointwise"),
    "Mul": ("mul", "multiply", "elementwisemultiply", "scale"),
    "Sub": ("sub", "subtract", "elementwisesubtract"),
    "Div": ("div", "divide", "elementwisedivide"),
    "Max": ("max", "maximum", "elementwisemaximum"),
    "Min": ("min", "minimum", "elementwiseminimum"),
    "Relu": ("relu", "activation", "unary", "elementwiseneuron"),
    "Relu6": ("relu6", "reluminmax", "clamp"),
    "Clip": ("clip",),
    "Sigmoid": ("sigmoid", "logistic"),
    "Swish": ("swish", "silu"),
    "Softmax": ("softmax", "normalizedexponential"),
    "LayerNorm": ("layernorm", "layernormalization", "skiplayernormalization"),
    "RMSNorm": ("rmsnorm", "simplifiedlayernormalization", "skipsimplifiedlayernormalization", "rmsnormalization"),
    "BatchNorm": ("batchnorm", "batchnormalization", "batchnorminference"),
    "InstanceNorm": ("instancenorm", "instancenormalization"),
    "Gather": ("gather", "embeddinglookup", "embedding"),
    "Concat": ("concat", "concatenation", "concatenate"),
    "Split": ("split", "splitv", "variadicsplit"),
    "Slice": ("slice", "stridedslice"),
    "Reshape": ("reshape", "view"),
    "Transpose": ("transpose", "permute", "shuffle"),
    "Relayout": ("relayout", "reorder", "reorderinput", "reorderoutput", "reformat", "copynode", "reformatting"),
    "Resize": ("resize", "resizebilinear", "resizenearestneighbor", "interpolate", "interp", "upsample", "upsampling"),
    "Pad": ("pad", "padv2", "padding", "mirrorpad"),
    "Quantize": ("quantize", "quantizelinear", "dynamicquantizelinear", "fakequantize"),
    "Dequantize": ("dequantize", "dequantizelinear"),
    "Cast": ("cast", "convert"),
    "Gelu": ("gelu", "fastgelu", "biasgelu"),
    "Where": ("where", "select", "selectv2"),
    "TopK": ("topk", "topkv2"),
    "ArgMax": ("argmax",),
    "LRN": ("lrn", "localresponsenormalization"),
    "DetectionOutput": ("detectionoutput", "tflitedetectionpostprocess"),
    "NonMaxSuppression": ("nonmaxsuppression", "nonmaxsuppressionv4", "nonmaxsuppressionv5"),
    "Partition": ("partition", "delegate", "tflitexnnpackdelegate", "tflitegpudelegatev2", "tflitennapidelegate", "tflitehexagondelegate", "tfliteqnndelegate",
                  "edgetpucustomop", "epcontext", "foreignnode", "subgraph", "qnncontext"),
}  # fmt: skip
_CAPITALS = (
    "ArgMin", "BatchToSpace", "ChannelShuffle", "CumSum", "DepthToSpace", "DynamicQuantize", "GatherElements", "GatherND", "GlobalMaxPool", "GreaterOrEqual",
    "GridSample", "GroupNorm", "HardSigmoid", "HardSwish", "L2Norm", "LeakyRelu", "LessOrEqual", "LogSoftmax", "NotEqual", "OneHot", "PRelu", "QuickGelu",
    "ReluN1To1", "RoiAlign", "ScatterElements", "ScatterND", "SpaceToBatch", "SpaceToDepth", "SquaredDifference", "MVN", "LSTM", "GRU", "RNN", "SVDF",
)  # fmt: skip
_TYPES = {**{name.lower(): name for name in _CAPITALS}, **{alias: name for name, aliases in _SAME.items() for alias in aliases}}
_ALIKE = (
    # types that another engine may have chosen for the same thing
    {"Dense", "MatMul", "Conv"},
    {"AveragePool", "GlobalAveragePool", "Reduce"},
    {"MaxPool", "AveragePool"},
    {"Relu", "Relu6", "Clip", "ReluN1To1", "LeakyRelu", "PRelu", "Min", "Max"},
    {"Sigmoid", "Swish", "HardSwish", "HardSigmoid", "Tanh", "Gelu", "QuickGelu", "Mish", "Elu", "Relu"},
    {"Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "BatchNorm"},
    {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"},
    {"Transpose", "Relayout", "ChannelShuffle"},
    {"Quantize", "Dequantize", "Cast", "DynamicQuantize"},
    {"LayerNorm", "RMSNorm", "InstanceNorm", "GroupNorm", "MVN"},
    {"Slice", "Split"},
)
_PREFIXES = ("delegate/", "qlinear", "nhwc", "fused", "quantized", "builtin", "qgemm", "biased", "skip")
_WORD = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*[dD]?")


def operator_type(text: str) -> str:
    """edgesim's type for an engine's word, such as ``Conv`` for ``Delegate/Convolution (NHWC, F32) IGEMM``; ``""`` for one nobody knows."""
    bare = re.split(r"[(:,]", text.strip(), maxsplit=1)[0].strip().lower().removeprefix("delegate/")
    plain = re.sub(r"[^a-z0-9]", "", bare)
    while plain:
        if plain in _TYPES:
            return _TYPES[plain]
        shorter = next((plain.removeprefix(prefix) for prefix in _PREFIXES if plain.startswith(prefix) and plain != prefix), "")
        if not shorter:
            break
        plain = shorter
    if plain.endswith("delegate"):
        return "Partition"
    return _by_title(bare)


def _by_title(bare: str) -> str:
    """A type that is called the same but for its capitals."""
    plain = re.sub(r"[^a-z0-9]", "", bare)
    return plain[:1].upper() + plain[1:] if plain else ""


def type_in_name(name: str) -> str:
    """The type that a name tells where a profile has no types: the first known word of its last parts (``/layer1/conv1/Conv + relu``)."""
    for part in reversed(re.split(r"[/.]", re.split(r"\s\+\s|[+;,]", name, maxsplit=1)[0])):
        words = [word.lower() for word in _WORD.findall(part)]
        for length in range(len(words), 0, -1):
            for start in range(len(words) - length + 1):
                joined = "".join(words[start : start + length])
                bare = joined.rstrip("0123456789")
                if joined in _TYPES or bare in _TYPES:
                    return _TYPES.get(joined, _TYPES.get(bare, ""))
    return ""


def likeness(measured: str, kernel: tuple[str, ...]) -> float:
    """How well a measured type fits the operators of a kernel, the head first: 1 the same, 0.6 alike, 0.2 one of the fused ones, 0 not at all."""
    if not (measured and kernel):
        return 0.0
    if measured == kernel[0]:
        return 1.0
    if any({measured, kernel[0]} <= group for group in _ALIKE):
        return 0.6
    return 0.2 if measured in kernel[1:] else 0.0
