"""What each operator makes of the channels of its inputs. A new operator is a decorated function; one without a rule keeps its channels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim.graph.ir import Graph, Op
from sim.graph.ops import OPS
from sim.passes.compression.channels import FIXED, Atoms, Channels, axes_of, placed, reshaped

Rule = Callable[[Channels, Op], None]
RULES: dict[str, Rule] = {}


def rule(*types: str) -> Callable[[Rule], Rule]:
    """Enter a rule for these operator types."""

    def enter(function: Rule) -> Rule:
        for type in types:
            RULES[type] = function
        return function

    return enter


def channels_of(graph: Graph) -> Channels:
    """The dependencies of all channels of a graph."""
    channels = Channels(graph)
    for op in graph.ops:
        known = RULES.get(op.type) or (_elementwise if OPS[op.type].elementwise else None)
        if known is None or op.fused:
            channels.fix_all(op.all_inputs, f"{op.name} ({op.type}) needs all of its channels")
            continue
        known(channels, op)
    for name in graph.outputs:
        channels.fix_all([name], "outputs of the network")
    _make_rectangular(channels)
    return channels


def _make_rectangular(channels: Channels) -> None:
    """A tensor with atoms along two axes (a channel shuffle) loses whole slices of the last of them."""
    changed = True
    while changed:
        changed = False
        for name, atoms in channels.of.items():
            axes = axes_of(atoms)
            roots = channels.roots(atoms)
            if len(axes) > 1 and not any(_varies_along_only(roots, axis) for axis in axes):
                channels.of[name] = channels.collapse(atoms, axes[-1])
                changed = True


def _varies_along_only(roots: Atoms, axis: int) -> bool:
    moved = np.moveaxis(roots, axis, 0).reshape(roots.shape[axis], -1)
    return bool(np.all(moved == moved[:, :1]))


def _axis(op: Op, rank: int, default: int = -1) -> int:
    return int(op.attributes.get("axis", default)) % max(rank, 1)


def _channel_axis(channels: Channels, op: Op) -> int:
    return len(channels.graph.tensors[op.inputs[0]].shape) - 1 if op.attributes.get("layout", "NCHW") == "NHWC" else 1


def _rank(channels: Channels, name: str) -> int:
    return len(channels.graph.tensors[name].shape)


@rule("Conv")
def _conv(channels: Channels, op: Op) -> None:
    weight, axis, groups = channels.graph.tensors[op.inputs[1]], _channel_axis(channels, op), int(op.attributes.get("group", 1))
    if not weight.is_stored:
        channels.fix_all(op.all_inputs, f"{op.name} has weights that are computed")
        return
    read = _only_along(channels, op, op.inputs[0], axis)
    if groups > 1 and weight.shape[1] == 1:  # depthwise: outputs are those of their input channel
        made = _depthwise(channels, op, read, weight.shape[0] // groups)
    else:
        if groups > 1:
            _alike_in_groups(channels, read, groups)
        if read is not None:
            channels.stored_axis(weight.name, 1, read[: weight.shape[1]])
        made = channels.stored_axis(weight.name, 0, maker=op.name)
        if groups > 1:
            _alike_in_groups(channels, made, groups)
    _bias(channels, op, made)
    channels.put(op.outputs[0], placed(made, _rank(channels, op.outputs[0]), axis))


def _depthwise(channels: Channels, op: Op, read: Atoms | None, times: int) -> Atoms:
    if read is None:  # of an image: each of its channels makes some
        made = channels.stored_axis(op.inputs[1], 0)
        channels.fix(made, f"{op.name} reads channels that stay")
        return made
    return channels.stored_axis(op.inputs[1], 0, np.repeat(read, times))


def _alike_in_groups(channels: Channels, atoms: Atoms | None, groups: int) -> None:
    """Each group loses the channels at the same places."""
    if atoms is not None:
        rows = atoms.reshape(groups, -1)
        channels.unite(rows, rows[:1])


def _bias(channels: Channels, op: Op, made: Atoms) -> None:
    if len(op.inputs) > 2 and op.inputs[2]:
        if channels.graph.tensors[op.inputs[2]].is_stored:
            channels.stored_axis(op.inputs[2], 0, made)
        else:
            channels.fix(made, f"{op.name} adds a bias that is computed")
    for name in op.inputs[3:]:  # scales of groups of weights
        if name:
            channels.fix(made, f"{op.name} has scales of groups")


def _only_along(channels: Channels, op: Op, name: str, axis: int) -> Atoms | None:
    """Atoms of one axis; those along others stay."""
    atoms = channels.atoms(name)
    if any(other != axis for other in axes_of(atoms)):
        channels.fix(atoms, f"{op.name} ({op.type}) needs all of its input")
    return channels.along(name, axis)


@rule("ConvTranspose")
def _conv_transpose(channels: Channels, op: Op) -> None:
    weight, axis, groups = channels.graph.tensors[op.inputs[1]], _channel_axis(channels, op), int(op.attributes.get("group", 1))
    read = _only_along(channels, op, op.inputs[0], axis)
    if groups > 1 and weight.shape[1] == 1 and read is not None:
        made = channels.stored_axis(weight.name, 0, read)
    elif groups > 1 or not weight.is_stored:
        channels.fix_all(op.inputs[:1], f"{op.name} is a transposed convolution in groups")
        return
    else:
        if read is not None:
            channels.stored_axis(weight.name, 0, read)
        made = channels.stored_axis(weight.name, 1, maker=op.name)
    _bias(channels, op, made)
    channels.put(op.outputs[0], placed(made, _rank(channels, op.outputs[0]), axis))


@rule("Dense")
def _dense(channels: Channels, op: Op) -> None:
    weight, rank = channels.graph.tensors[op.inputs[1]], _rank(channels, op.inputs[0])
    if not weight.is_stored:
        channels.fix_all(op.all_inputs, f"{op.name} has weights that are computed")
        return
    read = _only_along(channels, op, op.inputs[0], rank - 1)
    if read is not None:
        channels.stored_axis(weight.name, 1, read)
    made = channels.stored_axis(weight.name, 0, maker=op.name)
    _bias(channels, op, made)
    channels.put(op.outputs[0], placed(made, _rank(channels, op.outputs[0]), rank - 1))


@rule("Gather")
def _gather(channels: Channels, op: Op) -> None:
    table, axis = channels.graph.tensors[op.inputs[0]], _axis(op, _rank(channels, op.inputs[0]), 0)
    if table.role == "weight" and len(table.shape) == 2 and axis == 0:
        made = channels.stored_axis(table.name, 1, maker=op.name)
        channels.put(op.outputs[0], placed(made, _rank(channels, op.outputs[0]), _rank(channels, op.outputs[0]) - 1))
        return
    atoms = channels.atoms(op.inputs[0])
    if atoms.shape[axis : axis + 1] == (1,):
        index = _rank(channels, op.inputs[1])
        shape = (*atoms.shape[:axis], *(1,) * index, *atoms.shape[axis + 1 :])
        channels.put(op.outputs[0], atoms.reshape(shape))
    else:
        channels.fix_all(op.inputs[:1], f"{op.name} (Gather) picks among channels")


@rule("MatMul")
def _matmul(channels: Channels, op: Op) -> None:
    """Products of two activations (of heads); trained operands of more than two dimensions stay."""
    names = op.inputs[:2]
    ranks = [_rank(channels, name) for name in names]
    if len(op.inputs) > 2 or ranks[0] != ranks[1] or ranks[0] < 2 or any(channels.graph.tensors[name].is_stored for name in names):
        channels.fix_all(op.all_inputs, f"{op.name} (MatMul) needs all of its channels")
        return
    rank = ranks[0]
    parts = [_one_axis(channels, name) for name in names]
    for index, key in enumerate(("transpose_a", "transpose_b")):
        if op.attributes.get(key):
            parts[index] = np.swapaxes(parts[index], rank - 1, rank - 2)
    a, b = parts
    summed = [np.moveaxis(a, rank - 1, 0).reshape(a.shape[-1], -1)[:, 0], np.moveaxis(b, rank - 2, 0).reshape(b.shape[-2], -1)[:, 0]]
    if a.shape[-1] > 1 or b.shape[-2] > 1:
        _together(channels, summed[0], summed[1], op)
    a = a if a.shape[-1] == 1 else np.zeros((1,) * rank, dtype=np.int64)
    b = b if b.shape[-2] == 1 else np.zeros((1,) * rank, dtype=np.int64)
    channels.put(op.outputs[0], _combined(channels, op, [(names[0], a), (names[1], b)]))


def _together(channels: Channels, a: Atoms, b: Atoms, op: Op) -> None:
    """Two axes that are summed over lose the same slices; one without atoms keeps the other."""
    if a.size == b.size:
        channels.unite(a, b)
    else:
        channels.fix(a if a.size > 1 else b, f"{op.name} ({op.type}) multiplies with what keeps its size")


def _one_axis(channels: Channels, name: str) -> Atoms:
    """Atoms along the first axis that has any (heads): others go with them."""
    atoms = channels.atoms(name)
    axes = axes_of(atoms)
    if len(axes) > 1:
        atoms = channels.of[name] = channels.collapse(atoms, axes[0])
    return atoms


@rule("Attention")
def _attention(channels: Channels, op: Op) -> None:
    """Whole heads, with the key and value heads they read."""
    parts = [_heads(channels, op, name) for name in op.inputs[:3]]
    for name in op.inputs[3:]:
        if name and not channels.graph.tensors[name].is_stored and axes_of(channels.atoms(name)):
            channels.fix_all([name], f"{op.name} reads it as a mask")
    present = [part for part in parts if part is not None]
    if len(present) < 3:
        for part in present:
            channels.fix(part, f"{op.name} has heads that stay")
        return
    q, k, v = present
    channels.unite(k, v)
    channels.unite(q.reshape(k.size, -1), k.reshape(-1, 1))
    channels.put(op.outputs[0], placed(q, 4, 1))


def _heads(channels: Channels, op: Op, name: str) -> Atoms | None:
    atoms = channels.atoms(name)
    if any(axis not in (1, 3) for axis in axes_of(atoms)) or atoms.shape[1] == 1:
        channels.fix(atoms, f"{op.name} (Attention) needs whole heads")
        return None
    return channels.along(name, 1)


@rule("RotaryEmbedding")
def _rotary(channels: Channels, op: Op) -> None:
    atoms = _heads(channels, op, op.inputs[0])
    if atoms is not None:
        channels.put(op.outputs[0], placed(atoms, 4, 1))


@rule("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool", "Resize")
def _pool(channels: Channels, op: Op) -> None:
    atoms = _only_along(channels, op, op.inputs[0], _channel_axis(channels, op))
    for name in op.outputs if atoms is not None else ():
        channels.put(name, placed(atoms, _rank(channels, name), _channel_axis(channels, op)))  # type: ignore[arg-type]  # not None here


def _elementwise(channels: Channels, op: Op) -> None:
    stored = [name for name in op.inputs if name and channels.graph.tensors[name].is_stored]
    moved = [name for name in op.inputs if name and name not in stored]
    if len(op.outputs) != 1 or not moved:
        return
    made = _combined(channels, op, [(name, channels.atoms(name)) for name in moved])
    channels.put(op.outputs[0], made)
    channel = made.ndim - 1 if op.type != "BatchNorm" else 1
    for name in stored:
        _follow(channels, op, name, op.outputs[0], aligned_at=channel if op.type in ("BatchNorm",) else None)


def _follow(channels: Channels, op: Op, name: str, made: str, aligned_at: int | None) -> None:
    """A stored operand loses the slices of the result; ``aligned_at``: the axis of the result its only axis lies along."""
    shape, rank = channels.graph.tensors[name].shape, _rank(channels, made)
    for axis, extent in enumerate(shape):
        along = axis + rank - len(shape) if aligned_at is None else aligned_at
        if extent > 1 and along >= 0 and along < rank:
            atoms = channels.along(made, along)
            if atoms is not None:
                if atoms.size == extent:
                    channels.stored_axis(name, axis, atoms)
                else:
                    channels.fix(atoms, f"{op.name} ({op.type}) has an operand of another size")


def _combined(channels: Channels, op: Op, parts: list[tuple[str, Atoms]]) -> Atoms:
    """Atoms of operands that are broadcast against each other; beside an operand that cannot lose slices, none can."""
    rank = max(len(channels.graph.tensors[name].shape) for name, _ in parts)
    made = np.zeros((1,) * rank, dtype=np.int64)
    wide = _aligned(channels, parts, rank)
    for _, part in wide:
        rigid = [axis for other, atoms in wide for axis in axes_of(part) if other[axis] > 1 and atoms.shape[axis] == 1]
        if rigid:
            channels.fix(part, f"{op.name} ({op.type}) joins it with what keeps its size")
        if not axes_of(part):
            continue
        if not axes_of(made):
            made = part
        elif made.shape == part.shape:
            channels.unite(made, part)
        else:
            channels.fix(made, f"{op.name} ({op.type}) joins different axes")
            channels.fix(part, f"{op.name} ({op.type}) joins different axes")
    return made


def _aligned(channels: Channels, parts: list[tuple[str, Atoms]], rank: int) -> list[tuple[tuple[int, ...], Atoms]]:
    """Shapes and atoms of operands with as many axes as the result."""
    shapes = [(1,) * (rank - part.ndim) + channels.graph.tensors[name].shape for name, part in parts]
    return [(shape, part.reshape((1,) * (rank - part.ndim) + part.shape)) for shape, (_, part) in zip(shapes, parts, strict=True)]


@rule("CacheAppend")
def _cache(channels: Channels, op: Op) -> None:
    """Key and value heads, in the cache too."""
    atoms = _heads(channels, op, op.inputs[1])
    if atoms is not None:
        channels.stored_axis(op.inputs[0], 1, atoms)
        channels.put(op.outputs[0], placed(atoms, 4, 1))


@rule("LayerNorm", "RMSNorm", "InstanceNorm", "L2Norm", "LRN", "MVN", "GroupNorm", "PRelu")
def _norm(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    rank = atoms.ndim
    channels.put(op.outputs[0], atoms)
    first = op.type in ("InstanceNorm", "GroupNorm") or (op.type == "PRelu" and _along_channels(channels, op))
    if op.type == "GroupNorm" and (whole := channels.along(op.inputs[0], 1)) is not None:
        _alike_in_groups(channels, whole, int(op.attributes.get("num_groups", op.attributes.get("group", 1))))
    for name in op.inputs[1:]:
        if name and channels.graph.tensors[name].is_stored:
            _follow(channels, op, name, op.outputs[0], aligned_at=1 if first and _rank(channels, name) == 1 and rank > 1 else None)


def _along_channels(channels: Channels, op: Op) -> bool:
    """Whether a slope of one axis lies along the channels, not along the last axis."""
    x, slope = channels.graph.tensors[op.inputs[0]].shape, channels.graph.tensors[op.inputs[1]].shape
    return len(slope) == 1 and len(x) > 1 and slope[0] == x[1] and x[-1] != slope[0]


@rule("Softmax", "LogSoftmax", "CumSum", "TopK")
def _over_axis(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    axis = _axis(op, atoms.ndim)
    if atoms.ndim and atoms.shape[axis] > 1:
        channels.fix(atoms, f"{op.name} ({op.type}) runs over the channels")
    elif op.type != "TopK":
        channels.put(op.outputs[0], atoms)
    else:
        channels.fix(atoms, f"{op.name} (TopK) needs all of its channels")


@rule("Reduce", "ArgMax", "ArgMin")
def _reduce(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    given = op.attributes.get("axes") if op.type == "Reduce" else [op.attributes.get("axis", 0)]
    axes = {int(axis) % max(atoms.ndim, 1) for axis in (given or range(atoms.ndim))}
    if any(axis in axes for axis in axes_of(atoms)):
        channels.fix(atoms, f"{op.name} ({op.type}) reduces the channels")
        return
    kept = bool(op.attributes.get("keepdims", True))
    channels.put(op.outputs[0], atoms if kept else atoms.reshape([extent for axis, extent in enumerate(atoms.shape) if axis not in axes]))


@rule("Reshape", "Flatten", "Squeeze", "Unsqueeze")
def _view(channels: Channels, op: Op) -> None:
    tensors = channels.graph.tensors
    channels.put(op.outputs[0], reshaped(channels.atoms(op.inputs[0]), tensors[op.inputs[0]].shape, tensors[op.outputs[0]].shape))


@rule("Transpose", "Relayout")
def _transpose(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    channels.put(op.outputs[0], atoms.transpose(op.attributes.get("perm") or None))


@rule("ChannelShuffle")
def _shuffle(channels: Channels, op: Op) -> None:
    axis, groups = _channel_axis(channels, op), int(op.attributes.get("group", 1))
    atoms = _only_along(channels, op, op.inputs[0], axis)
    if atoms is not None:
        _alike_in_groups(channels, atoms, groups)
        channels.put(op.outputs[0], placed(atoms.reshape(groups, -1).T.reshape(-1), _rank(channels, op.outputs[0]), axis))


@rule("DepthToSpace", "SpaceToDepth")
def _blocks(channels: Channels, op: Op) -> None:
    axis, block = _channel_axis(channels, op), int(op.attributes["block"]) ** 2
    atoms = _only_along(channels, op, op.inputs[0], axis)
    if atoms is None:
        return
    if op.type == "SpaceToDepth":
        made = np.tile(atoms, block)
    else:
        rows = atoms.reshape(-1, block).T if op.attributes.get("mode") == "CRD" else atoms.reshape(block, -1)
        channels.unite(rows, rows[:1])
        made = rows[0]
    channels.put(op.outputs[0], placed(made, _rank(channels, op.outputs[0]), axis))


@rule("Concat")
def _concat(channels: Channels, op: Op) -> None:
    """Along the joined axis atoms follow each other; along others they go together. Stored parts (a class token) follow."""
    tensors, names = channels.graph.tensors, [name for name in op.inputs if name]
    rank = _rank(channels, op.outputs[0])
    axis = _axis(op, rank, 0)
    moved = [name for name in names if not tensors[name].is_stored]
    if any(len(axes_of(channels.atoms(name))) > 1 for name in moved):
        for name in moved:
            _one_axis(channels, name)
    carried = {other for name in moved for other in axes_of(channels.atoms(name))}
    if not carried:
        return
    if len(carried) > 1:
        channels.fix_all(moved, f"{op.name} (Concat) joins different axes")
        return
    (along,) = carried
    if along == axis:
        parts = [_or_fixed(channels, name, axis) for name in names]
        channels.put(op.outputs[0], placed(np.concatenate(parts), rank, axis))
        return
    made = channels.along(next(name for name in moved if channels.along(name, along) is not None), along)
    for name in names:
        _agree(channels, op, name, along, made)  # type: ignore[arg-type]  # carried by one of them
    channels.put(op.outputs[0], placed(made, rank, along))  # type: ignore[arg-type]


def _or_fixed(channels: Channels, name: str, axis: int) -> Atoms:
    found = None if channels.graph.tensors[name].is_stored else channels.along(name, axis)
    return np.full(channels.graph.tensors[name].shape[axis], FIXED, dtype=np.int64) if found is None else found


def _agree(channels: Channels, op: Op, name: str, along: int, made: Atoms) -> None:
    if channels.graph.tensors[name].is_stored:
        channels.stored_axis(name, along, made)
    elif (found := channels.along(name, along)) is not None:
        channels.unite(found, made)
    else:
        channels.fix(made, f"{op.name} (Concat) joins it with what keeps its size")


@rule("Split")
def _split(channels: Channels, op: Op) -> None:
    atoms = channels.atoms(op.inputs[0])
    axis, start = _axis(op, atoms.ndim, 0), 0
    for name in op.outputs:
        size = channels.graph.tensors[name].shape[axis]
        part = atoms if atoms.shape[axis] == 1 else np.take(atoms, range(start, start + size), axis=axis)
        channels.put(name, part)
        start += size


@rule("Slice")
def _slice(channels: Channels, op: Op) -> None:
    table = channels.graph.tensors[op.inputs[0]]
    if table.role == "weight" and len(table.shape) == 2 and list(op.attributes.get("axes") or (0,)) == [0]:  # the first rows of a table of positions
        channels.put(op.outputs[0], placed(channels.stored_axis(table.name, 1), 2, 1))
        return
    atoms = channels.atoms(op.inputs[0])
    axes = [int(axis) % max(atoms.ndim, 1) for axis in op.attributes.get("axes") or range(len(op.attributes["starts"]))]
    steps = [int(step) for step in op.attributes.get("steps") or [1] * len(axes)]
    cut = [slice(None)] * atoms.ndim
    for axis, start, end, step in zip(axes, op.attributes["starts"], op.attributes["ends"], steps, strict=True):
        if atoms.shape[axis] == 1:
            continue
        if step != 1:
            channels.fix(atoms, f"{op.name} (Slice) takes every {step}th channel")
            return
        cut[axis] = slice(int(start), int(end))
    channels.put(op.outputs[0], atoms[tuple(cut)])


@rule("Pad", "Expand", "Tile")
def _spread(channels: Channels, op: Op) -> None:
    """Along axes without atoms."""
    tensors = channels.graph.tensors
    atoms, old, new = channels.atoms(op.inputs[0]), tensors[op.inputs[0]].shape, tensors[op.outputs[0]].shape
    wide = atoms.reshape((1,) * (len(new) - atoms.ndim) + atoms.shape)
    extents = (1,) * (len(new) - len(old)) + old
    if any(extents[axis] != new[axis] for axis in axes_of(wide)):
        channels.fix(atoms, f"{op.name} ({op.type}) changes the number of channels")
        return
    channels.put(op.outputs[0], wide)
