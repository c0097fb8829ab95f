# SPDX-License-Identifier: MIT
"""Write the shifted Fashion-MNIST test images bundled in models/fashion-images/."""

from __future__ import annotations

import argparse
import gzip
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
CLEAN = "clean"
DOMAINS = (
    "clean/0",
    "gaussian_noise/3",
    "gaussian_blur/3",
    "fog/3",
    "contrast/3",
    "inversion/5",
)


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


def to_bytes(x: Array) -> Array:
    """Round [0, 1] to 8 bits; values outside are clipped."""
    return np.rint(255.0 * np.clip(x, 0.0, 1.0)).astype(np.uint8)


SHIFTS: dict[str, tuple[Shift, tuple[float, ...]]] = {
    "gaussian_noise": (gaussian_noise, (0.05, 0.10, 0.15, 0.20, 0.30)),
    "gaussian_blur": (gaussian_blur, (0.7, 1.0, 1.3, 1.6, 2.0)),
    "fog": (fog, (0.1, 0.2, 0.4, 0.6, 0.9)),
    "contrast": (contrast, (0.6, 0.4, 0.3, 0.2, 0.1)),
    "inversion": (inversion, (0.6, 0.7, 0.8, 0.9, 1.0)),
}


def parse_domain(text: str) -> tuple[str, int]:
    """Split KIND/SEVERITY and check both."""
    kind, _, level = text.partition("/")
    if text == f"{CLEAN}/0":
        return CLEAN, 0
    if kind not in SHIFTS or level not in {"1", "2", "3", "4", "5"}:
        raise ValueError(
            f"{text!r} is neither {CLEAN}/0 nor one of {', '.join(SHIFTS)} with /1 to /5"
        )
    return kind, int(level)


def shift_image(image: Array, kind: str, severity: int, seed: int, index: int) -> Array:
    """Apply one shift to one 8-bit image; its random numbers depend on the arguments alone."""
    if kind == CLEAN:
        return image
    function, levels = SHIFTS[kind]
    rng = np.random.default_rng([seed, list(SHIFTS).index(kind), severity, index])
    return to_bytes(function(image / 255.0, levels[severity - 1], rng))


def choose(labels: Array, per_class: int, seed: int) -> Array:
    """Draw the same number of test images of every class."""
    rng = np.random.default_rng(seed)
    drawn = [
        np.sort(rng.choice(np.flatnonzero(labels == label), per_class, replace=False))
        for label in range(len(CLASSES))
    ]
    return np.concatenate(drawn)


def main() -> None:
    """Parse the command line and write the folders."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the IDX files")
    parser.add_argument("--output", type=Path, default=IMAGES, help="root of the written tree")
    parser.add_argument("--seed", type=int, default=0, help="for the choice and the shifts")
    parser.add_argument("--per-class", type=int, default=50, help="images of each class")
    parser.add_argument(
        "--domains",
        nargs="+",
        default=DOMAINS,
        metavar="KIND/SEVERITY",
        help=f"{CLEAN}/0 or {', '.join(SHIFTS)} with severity 1 to 5",
    )
    args = parser.parse_args()
    try:
        domains = [parse_domain(domain) for domain in args.domains]
    except ValueError as error:
        parser.error(str(error))

    images, labels = read_split(args.data, "t10k")
    chosen = choose(labels, args.per_class, args.seed)
    for kind, severity in domains:
        folder = args.output / kind / str(severity)
        if folder.exists():
            shutil.rmtree(folder)
        size = 0
        for index in chosen:
            path = folder / CLASSES[labels[index]] / f"{index:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = shift_image(images[index], kind, severity, args.seed, int(index))
            Image.fromarray(pixels).save(path, optimize=True)
            size += path.stat().st_size
        print(f"{kind}/{severity}: {len(chosen)} images, {size} bytes")


if __name__ == "__main__":
    main()
