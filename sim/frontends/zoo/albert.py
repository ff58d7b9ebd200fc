"""ALBERT (Lan et al. 2019, arXiv 1909.11942): BERT with one layer's weights for all layers and narrow word vectors."""

from __future__ import annotations

from device_models.work import DType
from sim.frontends.zoo.attention import attend
from sim.frontends.zoo.net import Net
from sim.frontends.zoo.text_heads import masked_word

VOCABULARY, POSITIONS, WORD_WIDTH = 30000, 512, 128


def albert(net: Net, *, layers: int, hidden: int, heads: int, batch: int, sequence: int, head: str) -> str:
    """Hidden states ``[batch, sequence, hidden]``, or with ``head`` the word at a masked place."""
    table = net.weight("words.weight", (VOCABULARY, WORD_WIDTH))
    tokens = net.input("tokens", (batch, sequence), DType.I32)
    x = net.add("Gather", [table, tokens], {"axis": 0}, name="words")
    x = net.add("Add", [x, net.weight("segment.weight", (1, WORD_WIDTH))])
    rows = net.weight("positions.weight", (POSITIONS, WORD_WIDTH))
    x = net.add("Add", [x, net.add("Slice", [rows], {"starts": (0,), "ends": (sequence,), "axes": (0,)}, name="positions")])
    x = net.dense(net.layer_norm(x, "embedding_norm"), hidden, name="widen")
    mask = net.input("attention_mask", (batch, 1, 1, sequence))
    shared = _Layer(net, hidden)
    for index in range(layers):
        with net.scope(f"layer{index + 1}"):
            x = shared.run(x, heads, mask)
    return masked_word(net, x, table, width=WORD_WIDTH) if head == "masked_word" else x


class _Layer:
    """The weights of the one layer, and what it does with them."""

    def __init__(self, net: Net, hidden: int) -> None:
        self.net = net
        with net.scope("shared"):
            sizes = {"query": (hidden, hidden), "key": (hidden, hidden), "value": (hidden, hidden), "output": (hidden, hidden)}
            sizes |= {"widen": (4 * hidden, hidden), "narrow": (hidden, 4 * hidden)}
            self.dense = {name: (net.weight(f"{name}.weight", size), net.weight(f"{name}.bias", size[:1])) for name, size in sizes.items()}
            self.norms = [tuple(net.weight(f"norm{number}.{part}", (hidden,)) for part in ("weight", "bias")) for number in (1, 2)]

    def run(self, x: str, heads: int, mask: str) -> str:
        q, k, v = (self._dense(x, name) for name in ("query", "key", "value"))
        y = self._dense(attend(self.net, q, k, v, heads, mask), "output")
        x = self._norm(self.net.add("Add", [y, x]), 0)
        y = self._dense(self.net.add("Gelu", [self._dense(x, "widen")]), "narrow")
        return self._norm(self.net.add("Add", [y, x]), 1)

    def _dense(self, x: str, name: str) -> str:
        return self.net.add("Dense", [x, *self.dense[name]], name=name)

    def _norm(self, x: str, index: int) -> str:
        return self.net.add("LayerNorm", [x, *self.norms[index]], name=f"norm{index + 1}")
