"""Audio and sensor networks: one line each."""

from __future__ import annotations

from sim.frontends.zoo.entry import Accuracy, Option, Published, ZooEntry
from sim.frontends.zoo.options import BATCH, classes

KEYWORDS = "keyword spotting"
HELLO_EDGE = "arXiv 1711.07128"
OPERATIONS = f"{HELLO_EDGE}, operations of the smallest models (estimated: recalled, unconfirmed); sizes from ARM-software/ML-KWS-for-MCU"
AIHUB = "quic/ai-hub-models, parameters of the exported network: yamnet"
YAMNET = "tensorflow/models, research/audioset/yamnet/README.md (estimated: recalled, unconfirmed)"
MLTK = "mlcommons/tiny reference model; MACs as measured by siliconlabs/mltk, trainable parameters as printed by Keras"


def recurrent(name: str, title: str, cell: str, hidden: int, frames: int, flops: str, accuracy: float) -> ZooEntry:
    options = {
        "batch": BATCH,
        "frames": Option(frames, "time steps", 1, 10_000),
        "coefficients": Option(10, "MFCC coefficients per frame", 1, 1024),
        "hidden": Option(hidden, "units of a layer", 1, 8192),
        "layers": Option(1, "recurrent layers", 1, 16),
        "classes": classes(12),
    }
    published = (Published(OPERATIONS, "", flops, "flops"),)
    quality = Accuracy(accuracy, "Speech Commands accuracy %", HELLO_EDGE)
    return ZooEntry(name, title, KEYWORDS, "recurrent:recurrent", options, {"cell": cell}, published, quality)


AUDIO = (
    ZooEntry("ds_cnn", "DS-CNN keyword spotting (MLPerf Tiny)", KEYWORDS, "audio:ds_cnn",
             {"batch": BATCH, "frames": Option(49, "time frames", 10, 1000), "coefficients": Option(10, "MFCC coefficients per frame", 4, 128),
              "classes": classes(12)}, {}, (Published(MLTK, "23756", "2.657e6"),)),
    ZooEntry("fc_autoencoder", "Fully connected autoencoder (MLPerf Tiny)", "anomaly detection", "audio:fc_autoencoder",
             {"batch": BATCH, "features": Option(640, "inputs: 5 frames of 128 mel bands", 1, 100_000),
              "hidden": Option(128, "units of a hidden layer", 1, 10_000), "bottleneck": Option(8, "units of the narrowest layer", 1, 10_000)}, {},
             (Published(MLTK, "", "264.192e3"),)),
    ZooEntry("yamnet", "YAMNet sound classification", "sound classification", "audio:yamnet",
             {"batch": BATCH, "frames": Option(96, "spectra of a patch, 10 ms apart", 32, 10_000), "bands": Option(64, "mel bands", 32, 1024),
              "classes": classes(521)}, {}, (Published(AIHUB, "3.73e6"), Published(YAMNET, "3.7e6", "69.2e6"))),
    recurrent("lstm", "LSTM keyword spotting (small)", "LSTM", 118, 49, "5.9e6", 92.0),
    recurrent("gru", "GRU keyword spotting (small)", "GRU", 154, 25, "3.8e6", 93.5),
)  # fmt: skip
