# SPDX-License-Identifier: MIT
"""Write the shifted Fashion-MNIST test images bundled in models/fashion-images/."""

from __future__ import annotations

import argparse
import gzip
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path("/usr/share/datasets/fashion-mnist")
MODELS = Path(__file__).resolve().parent.parent / "models"
IMAGES = MODELS / "fashion-images"
CLASSES = (
    "0-t-shirt",
    "1-trouser",
    "2-pullover",
    "3-dress",
    "4-coat",
    "5-sandal",
    "6-shirt",
    "7-sneaker",
    "8-bag",
    "9-ankle-boot",
)

Array = np.ndarray
Shift = Callable[[Array, float, np.random.Generator], Array]


def read_idx(path: Path) -> Array:
    """Read one gzipped IDX file of unsigned bytes."""
    raw = gzip.decompress(path.read_bytes())
    if raw[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path}: not an IDX file of unsigned bytes")
    rank = raw[3]
    shape = np.frombuffer(raw, ">u4", rank, 4)
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * rank).reshape(shape).copy()


def read_split(folder: Path, split: str) -> tuple[Array, Array]:
    """Return the images [n, 28, 28] and labels [n] of the split `train` or `t10k`."""
    return (
        read_idx(folder / f"{split}-images-idx3-ubyte.gz"),
        read_idx(folder / f"{split}-labels-idx1-ubyte.gz"),
    )


def gaussian_noise(x: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Add independent normal noise: x + sigma * n."""
    return x + sigma * rng.standard_normal(x.shape)


def contrast(x: Array, factor: float, rng: np.random.Generator) -> Array:
    """Shrink the deviations from the image's mean m: m + factor * (x - m)."""
    return x.mean() + factor * (x - x.mean())


def brightness(x: Array, offset: float, rng: np.random.Generator) -> Array:
    """Add a constant: x + offset."""
    return x + offset


def darkness(x: Array, factor: float, rng: np.random.Generator) -> Array:
    """Expose for too short a time: factor * x."""
    return factor * x


def fog(x: Array, depth: float, rng: np.random.Generator) -> Array:
    """Mix with white fog: x * t + (1 - t), t = exp(-depth * (0.5 + f)).

    The texture f in [0, 1] is noise whose amplitude falls as 1 / frequency^1.5.
    """
    rows = np.fft.fftfreq(x.shape[0])[:, None]
    columns = np.fft.fftfreq(x.shape[1])[None, :]
    frequency = np.hypot(rows, columns)
    frequency[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal(x.shape)) / frequency**1.5
    texture = np.fft.ifft2(spectrum).real
    texture = (texture - texture.min()) / (texture.max() - texture.min())
    passed = np.exp(-depth * (0.5 + texture))
    return x * passed + (1.0 - passed)


def gaussian_blur(x: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Convolve with a normal kernel renormalised at the border: K x K^T."""
    index = np.arange(x.shape[0])
    kernel = np.exp(-((index[:, None] - index[None, :]) ** 2) / (2.0 * sigma**2))
    kernel /= kernel.sum(axis=1, keepdims=True)
    return kernel @ x @ kernel.T


def inversion(x: Array, share: float, rng: np.random.Generator) -> Array:
    """Mix with the negative: (1 - share) * x + share * (1 - x)."""
    return (1.0 - share) * x + share * (1.0 - x)


def rotation(x: Array, degrees: float, rng: np.random.Generator) -> Array:
    """Turn by an angle uniform in [-degrees, degrees] about the centre (bilinear, black outside)."""
    angle = np.deg2rad(rng.uniform(-degrees, degrees))
    centre = (x.shape[0] - 1) / 2.0
    v, u = np.mgrid[: x.shape[0], : x.shape[1]] - centre
    source_row = np.cos(angle) * v - np.sin(angle) * u + centre
    source_column = np.sin(angle) * v + np.cos(angle) * u + centre
    padded = np.pad(x, 1)
    row = np.clip(source_row + 1.0, 0.0, x.shape[0] + 0.999)
    column = np.clip(source_column + 1.0, 0.0, x.shape[1] + 0.999)
    top, left = row.astype(int), column.astype(int)
    down, right = row - top, column - left
    upper = (1.0 - right) * padded[top, left] + right * padded[top, left + 1]
    lower = (1.0 - right) * padded[top + 1, left] + right * padded[top + 1, left + 1]
    return (1.0 - down) * upper + down * lower


def pixelate(x: Array, side: float, rng: np.random.Generator) -> Array:
    """Average over blocks of side x side pixels."""
    index = np.arange(x.shape[0]) // int(side)
    member = (index[:, None] == index[None, :]).astype(float)
    member /= member.sum(axis=1, keepdims=True)
    return member @ x @ member.T


def jpeg(x: Array, quality: float, rng: np.random.Generator) -> Array:
    """Compress as a baseline JPEG of the given quality and decode again."""
    buffer = io.BytesIO()
    Image.fromarray(to_bytes(x)).save(buffer, "JPEG", quality=int(quality))
    return np.asarray(Image.open(buffer)) / 255.0


def to_bytes(x: Array) -> Array:
    """Round [0, 1] to 8 bits; values outside are clipped."""
    return np.rint(255.0 * np.clip(x, 0.0, 1.0)).astype(np.uint8)
