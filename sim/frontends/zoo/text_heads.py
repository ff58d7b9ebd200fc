"""What stands on top of a text encoder: words for masked places, where an answer is, which words were replaced."""

from __future__ import annotations

from device_models.work import DType
from sim.frontends.zoo.net import Net


def masked_word(net: Net, x: str, table: str, act: str = "Gelu", *, width: int = 0, extra: int = 0) -> str:
    """The most likely word ``[batch]`` at the place that the input ``mask_index`` tells; scores are made for every place, from the words' ``table``.

    ``width``: of the transformed states (0: as the states); ``extra``: further columns that the output matrix has beside the table's.
    """
    with net.scope("masked_word"):
        width = width or net.shape(x)[-1]
        x = net.layer_norm(net.add(act, [net.dense(x, width, name="transform")]))
        words = net.shape(table)[0]
        if extra:
            table = net.concat([table, net.weight("extra.weight", (words, extra))], 1)
        x = net.add("Dense", [x, table, net.weight("bias", (words,))], name="scores")
        batch = net.shape(x)[0]
        x = net.add("Gather", [x, net.input("mask_index", (1,), DType.I32)], {"axis": 1}, name="place")
        return net.reshape(net.add("ArgMax", [x], {"axis": -1, "keepdims": False}), batch)


def answer_span(net: Net, x: str) -> str:
    """For each word the scores ``[batch, sequence, 2]`` that an answer starts and ends there."""
    return net.dense(x, 2, name="answer_span")


def replaced_words(net: Net, x: str) -> str:
    """1 for each word ``[batch, sequence]`` that was probably replaced, else 0."""
    with net.scope("replaced"):
        batch, rows, hidden = net.shape(x)
        x = net.dense(net.add("Gelu", [net.dense(x, hidden, name="transform")]), 1, name="score")
        x = net.add("Add", [net.add("Sign", [net.reshape(x, batch, rows)]), net.constant("one", ())])
        return net.add("Round", [net.add("Div", [x, net.constant("two", ())])])
