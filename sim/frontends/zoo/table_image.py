"""Image to image, and depth: one line each."""

from __future__ import annotations

from sim.frontends.zoo.entry import Option, Published, ZooEntry
from sim.frontends.zoo.options import BATCH, NORMALISE, resolution

TASK = "super-resolution"
AIHUB = "quic/ai-hub-models, parameters of the exported network: "
ENLARGE = {
    "batch": BATCH,
    "height": Option(128, "image height in pixels", 8, 4096),
    "width": Option(128, "image width in pixels", 8, 4096),
    "scale": Option(4, "how many times as high and wide the result is", 2, 8),
}


def enlarging(name: str, title: str, builder: str, parameters: str, aihub: str, **fixed: object) -> ZooEntry:
    return ZooEntry(name, title, TASK, f"super_resolution:{builder}", ENLARGE, fixed, (Published(AIHUB + aihub, parameters),))


IMAGE = (
    enlarging("quicksrnet_small", "QuickSRNet small", "quicksrnet", "33.3e3", "quicksrnetsmall", layers=2, channels=32, shortcut=False),
    enlarging("quicksrnet_medium", "QuickSRNet medium", "quicksrnet", "61.0e3", "quicksrnetmedium", layers=5, channels=32, shortcut=False),
    enlarging("quicksrnet_large", "QuickSRNet large", "quicksrnet", "436e3", "quicksrnetlarge", layers=11, channels=64, shortcut=True),
    enlarging("sesr_m5", "SESR-M5", "sesr", "343e3", "sesr_m5", layers=5, channels=16),
    enlarging("real_esrgan_general_x4v3", "Real-ESRGAN general x4 v3", "compact_vgg", "1.21e6", "real_esrgan_general_x4v3", layers=32, channels=64),
    ZooEntry(
        "midas_small",
        "MiDaS 2.1 small",
        "depth estimation",
        "midas:midas_small",
        {"batch": BATCH, "resolution": resolution(256, 32, 32), "normalise": NORMALISE},
        {},
        (Published(AIHUB + "midas", "16.6e6"),),
    ),
)
