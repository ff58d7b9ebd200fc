"""Channels through convolutions and pooling."""

from __future__ import annotations

import numpy as np

from sim.graph.ir import Op
from sim.passes.compression.channel_rules.rule import alike_in_groups, channel_axis, follow_bias, only_along, rank_of, rule
from sim.passes.compression.channels import Atoms, Channels, placed


@rule("Conv")
def _conv(channels: Channels, op: Op) -> None:
    weight, axis, groups = channels.graph.tensors[op.inputs[1]], channel_axis(channels, op), int(op.attributes.get("group", 1))
    if not weight.is_stored:
        channels.fix_all(op.all_inputs, f"{op.name} has weights that are computed")
        return
    read = only_along(channels, op, op.inputs[0], axis)
    if groups > 1 and weight.shape[1] == 1:  # depthwise: outputs are those of their input channel
        made = _depthwise(channels, op, read, weight.shape[0] // groups)
    else:
        if groups > 1:
            alike_in_groups(channels, read, groups)
        if read is not None:
            channels.stored_axis(weight.name, 1, read[: weight.shape[1]])
        made = channels.stored_axis(weight.name, 0, maker=op.name)
        if groups > 1:
            alike_in_groups(channels, made, groups)
    follow_bias(channels, op, made)
    channels.put(op.outputs[0], placed(made, rank_of(channels, op.outputs[0]), axis))


def _depthwise(channels: Channels, op: Op, read: Atoms | None, times: int) -> Atoms:
    if read is None:  # of an image: each of its channels makes some
        made = channels.stored_axis(op.inputs[1], 0)
        channels.fix(made, f"{op.name} reads channels that stay")
        return made
    return channels.stored_axis(op.inputs[1], 0, np.repeat(read, times))


@rule("ConvTranspose")
def _conv_transpose(channels: Channels, op: Op) -> None:
    weight, axis, groups = channels.graph.tensors[op.inputs[1]], channel_axis(channels, op), int(op.attributes.get("group", 1))
    read = only_along(channels, op, op.inputs[0], axis)
    if groups > 1 and weight.shape[1] == 1 and read is not None:
        made = channels.stored_axis(weight.name, 0, read)
    elif groups > 1 or not weight.is_stored:
        channels.fix_all(op.inputs[:1], f"{op.name} is a transposed convolution in groups")
        return
    else:
        if read is not None:
            channels.stored_axis(weight.name, 0, read)
        made = channels.stored_axis(weight.name, 1, maker=op.name)
    follow_bias(channels, op, made)
    channels.put(op.outputs[0], placed(made, rank_of(channels, op.outputs[0]), axis))


@rule("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize")
def _pool(channels: Channels, op: Op) -> None:
    atoms = only_along(channels, op, op.inputs[0], channel_axis(channels, op))
    for name in op.outputs if atoms is not None else ():
        channels.put(name, placed(atoms, rank_of(channels, name), channel_axis(channels, op)))  # type: ignore[arg-type]  # not None here
