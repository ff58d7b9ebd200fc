"""The digits: 1,797 images of 8 x 8 pixels that scikit-learn carries (UCI, Optical Recognition of Handwritten Digits)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.errors import EdgesimError

CLASSES = 10
PIXELS = 64
_HELD_OUT_SHARE = 0.4


@dataclass(frozen=True)
class Split:
    """Images ``[n, 64]`` between 0 and 1 as float32, and their classes ``[n]``; nothing is ever trained or calibrated on ``held_out``."""

    images: np.ndarray
    labels: np.ndarray
    held_out: np.ndarray
    held_out_labels: np.ndarray


def digits(seed: int) -> Split:
    """60 % to train on and 40 % held out, drawn anew for each seed. Raises EdgesimError where scikit-learn is missing."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise EdgesimError("the digits come with the scikit-learn package: pip install 'edgesim[accuracy]'") from error
    found = load_digits()
    images, labels = (np.asarray(found.data) / 16).astype(np.float32), np.asarray(found.target)
    order = np.random.default_rng([seed, 1]).permutation(len(images))
    cut = round(len(order) * (1 - _HELD_OUT_SHARE))
    train, held = order[:cut], order[cut:]
    return Split(images[train], labels[train], images[held], labels[held])
