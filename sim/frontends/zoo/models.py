"""The table of models."""

from __future__ import annotations

from sim.frontends.zoo.entry import ZooEntry
from sim.frontends.zoo.table_audio import AUDIO
from sim.frontends.zoo.table_classification import CLASSIFICATION
from sim.frontends.zoo.table_dense import DENSE
from sim.frontends.zoo.table_image import IMAGE
from sim.frontends.zoo.table_language import LANGUAGE_MODELS
from sim.registry import Registry

MODELS: Registry[ZooEntry] = Registry("model")
for _entry in (*CLASSIFICATION, *DENSE, *IMAGE, *AUDIO, *LANGUAGE_MODELS):
    MODELS.register(_entry.name)(_entry)
