#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes tests/image/golden/labels: label maps as PNG of every kind, and what numpy.asarray(PIL.Image) reads from them.

Needs: pip install numpy pillow
"""
import pathlib

import numpy
from PIL import Image

OUT = pathlib.Path(__file__).resolve().parent.parent / "tests" / "image" / "golden" / "labels"
SHAPE = (9, 13)


def pattern(levels):
    y, x = numpy.mgrid[: SHAPE[0], : SHAPE[1]]
    return (y * 37 + x * 11 + y * x) * 7 % levels


def save_palette(bits):
    image = Image.fromarray(pattern(1 << bits).astype(numpy.uint8), "P")
    image.putpalette(numpy.random.default_rng(bits).integers(0, 256, 3 << bits, dtype=numpy.uint8).tobytes())
    image.save(OUT / f"palette{bits}.png", bits=bits, transparency=0)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    for bits in (1, 2, 4, 8):
        save_palette(bits)
    Image.fromarray(pattern(2).astype(bool)).save(OUT / "gray1.png")
    Image.fromarray(pattern(256).astype(numpy.uint8)).save(OUT / "gray8.png")
    Image.fromarray(pattern(40009).astype(numpy.uint16)).save(OUT / "gray16.png")
    lines = []
    for file in sorted(OUT.glob("*.png")):
        values = numpy.asarray(Image.open(file)).astype(numpy.int64).ravel()
        lines.append(" ".join([file.name, *map(str, SHAPE), *map(str, values)]))
    (OUT / "values.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
