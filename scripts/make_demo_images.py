# SPDX-License-Identifier: MIT
"""x"""
import gzip
from pathlib import Path
import numpy as np
DATA = Path("/usr/share/datasets/fashion-mnist")
MODELS = Path(__file__).resolve().parent.parent / "models"
IMAGES = MODELS / "fashion-images"
CLASSES = tuple("0123456789")
def read_split(folder, name):
    def load(kind):
        raw = gzip.decompress((folder / f"{name}-{kind}-ubyte.gz").read_bytes())
        rank = raw[3]
        shape = np.frombuffer(raw, ">u4", rank, 4)
        return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()
    return load("images-idx3"), load("labels-idx1")
