"""NAS-Bench-201 (Dong & Yang 2020, arXiv 2001.00326): one searched cell, five times in each of three stages of 16, 32 and 64 channels."""

from __future__ import annotations

from sim.frontends.zoo.net import Net

CELLS, WIDTHS = 5, (16, 32, 64)
CONVOLUTIONS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}


def nasbench201(net: Net, *, arch: str, batch: int, resolution: int, classes: int) -> str:
    """``arch`` as the benchmark writes it: for each of three nodes the operations on the nodes before it."""
    nodes = [[edge.split("~")[0] for edge in node.strip("|").split("|")] for node in arch.split("+")]
    x = net.conv_bn(net.image(batch, 3, resolution), WIDTHS[0], 3, 1, None, name="stem")
    for stage, width in enumerate(WIDTHS):
        if stage > 0:
            with net.scope(f"reduction{stage}"):
                x = _reduction(net, x, width)
        for index in range(CELLS):
            with net.scope(f"stage{stage + 1}/cell{index + 1}"):
                x = _cell(net, x, nodes)
    x = net.add("Relu", [net.batch_norm(x, "last_norm")])
    return net.dense(net.global_pool(x), classes, name="classifier")


def _cell(net: Net, x: str, nodes: list[list[str]]) -> str:
    """Every node is the sum of its edges. A node without any is zero, and so is what would be made of it: it is left out."""
    values: list[str | None] = [x]
    for number, edges in enumerate(nodes, 1):
        with net.scope(f"node{number}"):
            made = [_edge(net, value, edge) for value, edge in zip(values, edges, strict=True) if value is not None and edge != "none"]
        values.append(_sum(net, made))
    return values[-1] or net.add("Mul", [x, net.constant("zero", ())])


def _sum(net: Net, parts: list[str]) -> str | None:
    if not parts:
        return None
    total, *others = parts
    for part in others:
        total = net.add("Add", [total, part])
    return total


def _edge(net: Net, x: str, edge: str) -> str:
    if edge == "skip_connect":
        return x
    if edge == "avg_pool_3x3":
        return net.pool(x, "AveragePool", 3, 1, 1)
    return _relu_conv(net, x, net.shape(x)[1], CONVOLUTIONS[edge], 1, edge)


def _relu_conv(net: Net, x: str, channels: int, kernel: int, stride: int, name: str) -> str:
    return net.batch_norm(net.conv(net.add("Relu", [x]), channels, kernel, stride, name=name))


def _reduction(net: Net, x: str, channels: int) -> str:
    """A residual block of stride 2; its shortcut averages and widens."""
    y = _relu_conv(net, _relu_conv(net, x, channels, 3, 2, "conv1"), channels, 3, 1, "conv2")
    return net.add("Add", [net.conv(net.pool(x, "AveragePool", 2, 2), channels, 1, name="shortcut"), y])
