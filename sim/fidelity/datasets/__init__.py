"""The datasets of published measurements: one file each in this folder, whose ``DATASET`` is the thing, and one line here."""

from __future__ import annotations

from importlib import import_module

from sim.errors import EdgesimError
from sim.fidelity.case import Dataset
from sim.registry import near_names

DATASETS: tuple[str, ...] = (
    "ncnn_cpu",  # CPU clusters of phones, boards and laptops, ncnn
    "ncnn_gpu",  # GPUs of phones, boards and laptops, ncnn through Vulkan
    "aihub_npu",  # Hexagon NPUs, Qualcomm AI Hub
    "llm_decode",  # language models: tokens a second
    "llm_memory",  # language models: resident memory of the process
    "board_energy",  # MLPerf Inference: energy at the wall
    "opp_power",  # freqbench: power of CPU clusters per operating point
    "nasbench201",  # cells of a search space on phones and boards, TFLite
    "tiny_latency",  # MLPerf Tiny: latency on microcontrollers and tiny accelerators
    "tiny_energy",  # MLPerf Tiny: energy at the chip's supply
    "tiny_memory",  # MLPerf Tiny: memory that submissions set aside
)


def load_dataset(name: str) -> Dataset:
    """The dataset of a name in :data:`DATASETS`; its module is imported only now. Raises EdgesimError for an unknown name."""
    if name not in DATASETS:
        raise EdgesimError(f"unknown dataset {name!r}; {near_names(name, DATASETS)}")
    dataset: Dataset = import_module(f"{__name__}.{name}").DATASET
    return dataset
