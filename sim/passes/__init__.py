"""Passes: Graph -> Graph, one file each. Importing this package fills the table :data:`PASSES`."""

from sim.passes import (  # noqa: F401  (they fill the table)
    channels_last,
    dead_code,
    fold_batch_norm,
    fold_constants,
    fold_scaling,
    fuse_attention,
    fuse_channel_shuffle,
    fuse_dynamic_quantization,
    fuse_epilogue,
    fuse_pad,
    fuse_quantization,
    hybrid_layers,
    insert_casts,
    precision,
    recognise_activations,
    recognise_norms,
    remove_constant_channels,
    remove_identities,
    self_quantizing_layers,
)
from sim.passes.base import PASSES, Pass, make_pass, run_passes

__all__ = ["PASSES", "Pass", "make_pass", "run_passes"]
