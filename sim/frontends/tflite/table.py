"""Every builtin operator of the TFLite schema: how it is imported, or why it is not."""

from __future__ import annotations

from collections.abc import Callable

from sim.frontends.tflite import convolution, detection, elementwise, movement, recurrent
from sim.frontends.tflite.context import Context
from sim.frontends.tflite.reader import OperatorRecord

Handler = Callable[[Context, OperatorRecord], None]

HANDLERS: dict[str, Handler] = {**convolution.HANDLERS, **elementwise.HANDLERS, **movement.HANDLERS, **recurrent.HANDLERS, **detection.HANDLERS}
CUSTOM: dict[str, Handler] = detection.CUSTOM

_BRANCHES = "what its subgraph costs is not in the graph; export the model without control flow (unroll loops, split the model at the branch)"
# Refused whatever the scenario says: their cost is in subgraphs that no data mover stands for.
CONTROL_FLOW = dict.fromkeys(("CALL", "STABLEHLO_WHILE", "STABLEHLO_COMPOSITE", "STABLEHLO_CUSTOM_CALL", "DELEGATE"), _BRANCHES)

_TABLES = "hash tables of strings are looked up outside the network; cut them off before exporting"
_TRANSFORM = "signal transforms are not modelled; compute features in a stage of their own"
_RANDOM = "random numbers have no cost model"
_STABLEHLO = "convert the model with TFLite's own operators instead of StableHLO ones"
# Understood by name only: an error, or a generic data mover where the scenario allows it.
NOT_MODELLED: dict[str, str] = {
    **dict.fromkeys(("HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE", "HASHTABLE_LOOKUP", "LSH_PROJECTION", "SKIP_GRAM"), _TABLES),
    **dict.fromkeys(("CONCAT_EMBEDDINGS", "EMBEDDING_LOOKUP_SPARSE"), "sparse embeddings have a size that depends on the data"),
    **dict.fromkeys(("RFFT2D", "IMAG", "REAL", "COMPLEX_ABS"), _TRANSFORM),
    **dict.fromkeys(("RANDOM_STANDARD_NORMAL", "RANDOM_UNIFORM", "MULTINOMIAL", "STABLEHLO_RNG_BIT_GENERATOR"), _RANDOM),
    **dict.fromkeys(("UNIQUE", "BUCKETIZE"), "the size of its result depends on the data"),
    **dict.fromkeys(("SHAPE", "RANK", "BROADCAST_ARGS"), "a shape that depends on the data"),  # folded wherever the shape is known
    **dict.fromkeys(("REDUCE_WINDOW", "DILATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"), "it has no cost model"),
    **dict.fromkeys(
        (
            "STABLEHLO_RESHAPE", "STABLEHLO_CONCATENATE", "STABLEHLO_BROADCAST_IN_DIM", "STABLEHLO_CONVOLUTION", "STABLEHLO_SLICE", "STABLEHLO_REDUCE",
            "STABLEHLO_SCATTER", "STABLEHLO_COMPARE", "STABLEHLO_DYNAMIC_SLICE", "STABLEHLO_DYNAMIC_UPDATE_SLICE", "STABLEHLO_PAD", "STABLEHLO_IOTA",
            "STABLEHLO_DOT_GENERAL", "STABLEHLO_REDUCE_WINDOW", "STABLEHLO_SORT", "STABLEHLO_GATHER", "STABLEHLO_TRANSPOSE", "STABLEHLO_CBRT",
        ),
        _STABLEHLO,
    ),
}  # fmt: skip
