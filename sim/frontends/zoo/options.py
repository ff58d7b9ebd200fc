"""Options that many models share."""

from __future__ import annotations

from sim.frontends.zoo.entry import Option

BATCH = Option(1, "images or utterances per inference", 1, 1024)


def width(default: float = 1.0) -> Option:
    return Option(default, "channel multiplier", 0.05, 4.0)


def resolution(default: int, least: int = 32, multiple: int = 1) -> Option:
    return Option(default, "image height and width in pixels", least, 4096, multiple)


def classes(default: int = 1000) -> Option:
    return Option(default, "classes told apart", 1, 1_000_000)


NORMALISE = Option(False, "subtract the mean of each colour and divide by its deviation inside the network")


def softmax(default: bool = False) -> Option:
    return Option(default, "end in probabilities instead of scores")


def image(pixels: int = 224, number: int = 1000, least: int = 32, multiple: int = 1, *, probabilities: bool = False) -> dict[str, Option]:
    """Options of every image classifier. ``normalise`` and ``softmax`` are :data:`AROUND` the network, not of its family."""
    classifier = {"batch": BATCH, "resolution": resolution(pixels, least, multiple), "classes": classes(number)}
    return classifier | {"normalise": NORMALISE, "softmax": softmax(probabilities)}


AROUND = ("normalise", "softmax")  # options that the zoo itself carries out, for any family
SUBNET = {  # what published supernets leave open
    "width": Option(1.0, "channel multiplier; supernets of 1.0 and 1.2 have been trained", 0.05, 4.0),
    "depths": Option((4,) * 5, "blocks of each stage", choices=(2, 3, 4)),
    "kernels": Option((7,) * 20, "kernel extent of each block of the supernet, four to a stage", choices=(3, 5, 7)),
    "expansions": Option((6,) * 20, "how many times each block of the supernet widens its input, four to a stage", choices=(3, 4, 6)),
}
EXCITE = {"excite": Option("convolution", "layers of squeeze-and-excite: 1x1 convolutions, or dense layers on a vector", choices=("convolution", "dense"))}


DETECTIONS = Option(100, "boxes kept after non-maximum suppression", 1, 10_000)
LANGUAGE = {
    "batch": Option(1, "sequences decoded side by side", 1, 1024),
    "phase": Option("decode", "prefill: the whole prompt; decode: one token with what came before in the cache", choices=("prefill", "decode")),
    "sequence": Option(128, "tokens of the prompt", 1, 1_000_000),
    "context": Option(0, "tokens in the cache before this run; 0: none for prefill, the prompt for decode", 0, 1_000_000),
    "capacity": Option(2048, "positions each key and value cache has room for", 1, 2_000_000),
    "kv_cache": Option(
        "activations", "number format of keys and values in the cache; activations: that of the activations", choices=("activations", "float16", "int8", "int4")
    ),
}
