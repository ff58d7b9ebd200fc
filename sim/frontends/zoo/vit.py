"""Vision Transformer (Dosovitskiy et al. 2020, arXiv 2010.11929; tiny and small as in DeiT, 2012.12877)."""

from __future__ import annotations

from sim.frontends.zoo.attention import encoder_block
from sim.frontends.zoo.net import Net


def vit(net: Net, *, layers: int, hidden: int, heads: int, patch: int, batch: int, resolution: int, classes: int, attention: str) -> str:
    """Patches and a class token through pre-norm blocks; the classifier reads the token."""
    x = net.conv(net.image(batch, 3, resolution), hidden, patch, patch, bias=True, pads=0, name="patches")
    rows = net.shape(x)[2] * net.shape(x)[3]
    x = net.transpose(net.reshape(x, batch, hidden, rows), 0, 2, 1)
    token = net.weight("class_token", (1, 1, hidden))
    if batch > 1:
        token = net.add("Expand", [token], {"shape": (batch, 1, hidden)}, name="class_tokens")
    x = net.add("Add", [net.concat([token, x]), net.weight("positions", (1, rows + 1, hidden))])
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            x = encoder_block(net, x, heads, 4 * hidden, "Gelu", fused=attention == "fused")
    x = net.add("Slice", [net.layer_norm(x)], {"starts": (0,), "ends": (1,), "axes": (1,)}, name="token")
    return net.reshape(net.dense(x, classes, name="classifier"), batch, classes)
